"""How a database answers a statement, and whether an index might help."""

import copy
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.dialect import Dialect
from blrcs.database.statement import CompiledStatement, Construct, Statement

_PREFIXES = {
    "sqlite": "EXPLAIN QUERY PLAN ",
    "postgresql": "EXPLAIN (FORMAT TEXT) ",
    "mysql": "EXPLAIN ",
}
_MARIADB_COLUMNS = tuple(
    "id select_type table type possible_keys key key_len ref rows Extra".split()  # noqa: SIM905
)
_MYSQL_COLUMNS = (*_MARIADB_COLUMNS[:3], "partitions", *_MARIADB_COLUMNS[3:9], "filtered", "Extra")

_QUOTED = re.compile(r"'(?:[^']|'')*'")
_NUMBER = re.compile(r"(?<![\w.$\"])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b")
_CONDITION = re.compile(r"^\s*(?:->\s*)?[A-Z][\w ]*(?:Cond|Filter|Key|Output): ")
_SQLITE_SCAN = re.compile(r"\bSCAN (\S+)")
_SQLITE_SORT = re.compile(r"\bUSE TEMP B-TREE FOR .*ORDER BY")
_POSTGRESQL_SORT = re.compile(r"^\s*(?:->\s*)?(?:Incremental )?Sort\b")
_MYSQL_SORT = "Using filesort"
_POSTGRESQL_SCAN = re.compile(r"\bSeq Scan on (\S+)(?: ([^\s(]\S*))?")


class Explanation(Statement):
    """A statement that asks for another one's plan; it takes the same parameters."""

    __slots__ = ("_explained",)

    def __init__(self, explained: Statement) -> None:
        self._explained = explained

    def compiled(self, dialect: Dialect) -> CompiledStatement:
        """See Statement; rows are plain tuples."""
        found = copy.copy(self._explained.compiled(dialect))
        found.sql = _PREFIXES[dialect.name] + found.sql
        found.make_row = tuple
        return found


def can_be_explained(statement: Statement, dialect: Dialect) -> bool:
    """Whether it only reads, and the database is one whose plans are known here."""
    is_select = isinstance(statement.construct(dialect), sa.Select | sa.CompoundSelect)
    return is_select and dialect.name in _PREFIXES


async def ask_plan(
    database: DatabaseAdapter, statement: Statement, params: dict[str, Any]
) -> tuple[str, str | None]:
    """The plan, in lines and with no value of a parameter, and the hint that it gives.

    It is asked with the parameters that were slow, in a transaction that only reads.
    """
    async with database.transaction(read_only=True) as transaction:
        rows = await transaction.fetch_all(Explanation(statement), **params)
    dialect = database.dialect
    plan = "\n".join(_lines(dialect.name, rows))
    return plan, hint_of(dialect, statement, rows)


def hint_of(dialect: Dialect, statement: Statement, rows: Sequence[Sequence[Any]]) -> str | None:
    """Which filters have a whole table read, for want of an index, and which orders all sorted."""
    filters = _filters(statement.construct(dialect))
    hints = []
    for name in dict.fromkeys(_scanned(dialect.name, rows)):
        table, columns = filters.get(name, (None, []))
        if table is not None and not _has_index(table, columns):
            names = ", ".join(columns)
            hints.append(
                f"no index serves the filter on {table.name} ({names}): the whole table is read"
            )
    if _is_sorted(dialect.name, rows):
        for table, columns in _orders(statement.construct(dialect)).values():
            if not _has_index(table, columns[:1], anywhere=True):
                names = ", ".join(columns)
                hints.append(
                    f"no index has the order of {table.name} ({names}): all that the filter lets"
                    " pass is sorted"
                )
    return "; ".join(hints) or None


def _lines(dialect: str, rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    if dialect == "sqlite":
        depths = {0: -1}
        for number, parent, _, detail in rows:
            depths[number] = depths.get(parent, -1) + 1
            yield "  " * depths[number] + detail
    elif dialect == "postgresql":
        for (line,) in rows:
            yield _masked(line)
    else:
        for row in rows:
            yield ", ".join(
                f"{name}={value}"
                for name, value in zip(_columns(row), row, strict=True)
                if value not in {None, ""}
            )


def _masked(line: str) -> str:
    """PostgreSQL puts the values of parameters where conditions had places for them."""
    if not _CONDITION.match(line) and "'" not in line:
        return line
    return _NUMBER.sub("?", _QUOTED.sub("?", line))


def _scanned(dialect: str, rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """The tables that are read as a whole, as the statement calls them."""
    for row in rows:
        if dialect == "sqlite":
            yield from _SQLITE_SCAN.findall(row[3])
        elif dialect == "postgresql":
            for table, alias in _POSTGRESQL_SCAN.findall(row[0]):
                yield (alias or table).strip('"')
        else:
            found = dict(zip(_columns(row), row, strict=True))
            if found["type"] in {"ALL", "index"}:
                yield str(found["table"])


def _is_sorted(dialect: str, rows: Sequence[Sequence[Any]]) -> bool:
    """Whether rows are brought into another order than they are read in."""
    if dialect == "sqlite":
        return any(_SQLITE_SORT.search(row[3]) for row in rows)
    if dialect == "postgresql":
        return any(_POSTGRESQL_SORT.match(row[0]) for row in rows)
    return any(_MYSQL_SORT in str(row[-1]) for row in rows)


def _columns(row: Sequence[Any]) -> tuple[str, ...]:
    return _MYSQL_COLUMNS if len(row) == len(_MYSQL_COLUMNS) else _MARIADB_COLUMNS


def _filters(construct: Construct) -> dict[str, tuple[Any, list[str]]]:
    """By a table's name in the statement: the table, and the columns that conditions are about."""
    conditions = (getattr(each, "whereclause", None) for each in visitors.iterate(construct))
    return _named(each for each in conditions if each is not None)


def _orders(construct: Construct) -> dict[str, tuple[Any, list[str]]]:
    """Likewise the columns by which the statement is ordered."""
    return _named(getattr(construct, "_order_by_clauses", ()))


def _named(elements: Iterable[Any]) -> dict[str, tuple[Any, list[str]]]:
    found: dict[str, tuple[Any, list[str]]] = {}
    for element in elements:
        for each in visitors.iterate(element):
            table = getattr(each, "table", None)
            if not isinstance(each, sa.ColumnClause) or not isinstance(table, sa.FromClause):
                continue
            described = getattr(table, "element", table)
            if isinstance(described, sa.TableClause):
                _, columns = found.setdefault(str(table.name), (described, []))  # type: ignore[attr-defined]
                if each.name not in columns:
                    columns.append(each.name)
    return found


def _has_index(table: Any, columns: list[str], *, anywhere: bool = False) -> bool:
    """Whether one that is described begins with one of the columns, or has one anywhere."""
    if not isinstance(table, sa.Table):
        return False
    keys: list[Any] = [*table.indexes, table.primary_key]
    keys += [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
    most = None if anywhere else 1
    found = {column.name for each in keys for column in itertools.islice(each.columns, most)}
    return not found.isdisjoint(columns)
