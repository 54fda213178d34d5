import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from blrcs.database.mysql.server import Server


@pytest.mark.parametrize(
    ("text", "is_mariadb", "version"),
    [
        ("5.5.5-10.11.19-MariaDB-0+deb12u1", True, (10, 11, 19)),
        ("11.4.2-MariaDB-ubu2404", True, (11, 4, 2)),
        ("8.0.36-0ubuntu0.22.04.1", False, (8, 0, 36)),
        ("5.5.5", False, (5, 5, 5)),
        ("nonsense", False, (0, 0, 0)),
    ],
)
def test_the_version_is_read(text: str, is_mariadb: bool, version: tuple[int, ...]) -> None:
    assert Server.named(text) == Server(is_mariadb, version)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("5.5.5-10.5.9-MariaDB", "MariaDB 10.5.9 is too old: 10.6.0 or later is needed"),
        ("8.0.16", "MySQL 8.0.16 is too old: 8.0.17 or later is needed"),
        ("nonsense", "MySQL 0.0.0 is too old: 8.0.17 or later is needed"),
        ("10.6.0-MariaDB", None),
        ("8.0.17", None),
        ("9.1.0", None),
    ],
)
def test_one_that_is_too_old_is_told(text: str, says: str | None) -> None:
    assert Server.named(text).shortcoming == says


def test_column_types_tell_them_apart() -> None:
    kind = sa.Text().with_variant(sa.String(1), "mysql").with_variant(sa.String(2), "mariadb")
    table = sa.Table("t", sa.MetaData(), sa.Column("a", kind))
    for text, size in (("8.0.17", 1), ("10.6.0-MariaDB", 2)):
        dialect = Server.named(text).dialect
        assert dialect.name == "mysql"
        assert f"VARCHAR({size})" in str(CreateTable(table).compile(dialect=dialect.compiler))
