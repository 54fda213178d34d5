"""Every statement of the built-in services, compiled for every database."""

import importlib
import pkgutil

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mysql import asyncmy
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.schema import CreateIndex, CreateTable

import blrcs.database.repositories
from blrcs.database.dialect import Dialect
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.statement import Statement
from blrcs.database.tables import metadata

DIALECTS = [
    SQLITE,
    Dialect("postgresql", asyncpg.dialect(), has_booleans=True),
    Dialect("mysql", asyncmy.dialect()),
]
MODULES = [
    importlib.import_module(f"blrcs.database.repositories.{module.name}")
    for module in pkgutil.iter_modules(blrcs.database.repositories.__path__)
]


def statements() -> list[Statement]:
    found = []
    for module in MODULES:
        for value in vars(module).values():
            found += value.values() if isinstance(value, dict) else [value]
    return [each for each in found if isinstance(each, Statement)]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_statement_can_be_run(dialect: Dialect) -> None:
    assert len(statements()) > 30
    for statement in statements():
        assert statement.compiled(dialect).sql


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_table_can_be_made(dialect: Dialect) -> None:
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect.compiler))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect.compiler))


@pytest.mark.parametrize(
    ("url", "limit"),
    [
        ("sqlite://", " WHERE expire_time_ns IS NOT NULL"),
        ("postgresql+asyncpg://", " WHERE expire_time_ns IS NOT NULL"),
        ("mysql+asyncmy://", ""),
    ],
)
def test_an_index_has_no_rows_that_never_expire_where_it_can_do_without(
    url: str, limit: str
) -> None:
    made: list[str] = []
    engine = sa.create_mock_engine(
        url, lambda each, *_, **__: made.append(str(each.compile(dialect=engine.dialect)))
    )
    metadata.create_all(engine, checkfirst=False)
    index = "CREATE INDEX ix_records_expire_time_ns ON records (expire_time_ns)"
    assert f"{index}{limit}" in made
