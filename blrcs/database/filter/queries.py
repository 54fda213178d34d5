"""The statements that lists are read by."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import sqlalchemy as sa

from blrcs.database.filter.along import Along
from blrcs.database.filter.bindings import Bindings, numbered
from blrcs.database.filter.columns import Columns
from blrcs.database.filter.json_sql import JsonSql
from blrcs.database.filter.mysql_json import MysqlJson
from blrcs.database.filter.narrowing import Narrowing
from blrcs.database.filter.postgresql_json import PostgresqlJson
from blrcs.database.filter.predicate import Predicate
from blrcs.database.filter.shape import order_shape, order_values, shape_of, values_of
from blrcs.database.filter.sorting import after, sort_keys
from blrcs.database.filter.sqlite_json import SqliteJson
from blrcs.database.statement import Construct, Statement
from blrcs.domain.filter.expression import Filter
from blrcs.domain.order_by import OrderBy, Position

KEPT_STATEMENTS = 256
JSON_SQL: dict[str, JsonSql] = {
    "sqlite": SqliteJson(),
    "postgresql": PostgresqlJson(),
    "mysql": MysqlJson(),
}
"""By the names of dialects."""

Query = tuple[Statement, dict[str, Any]]


class FilteredQueries:
    """Makes statements for lists, and keeps those that were used last.

    A statement is kept by the shape of its filter and order, so that others of the same shape find
    it compiled, and its connection has it prepared.

    Args:
        columns: Where the records are.
        selected: The columns of a page's rows; all of the table if there are none.
        kept_statements: How many statements are kept.
    """

    def __init__(
        self,
        columns: Columns,
        *selected: sa.Column[Any],
        kept_statements: int = KEPT_STATEMENTS,
    ) -> None:
        self._columns = columns
        self._selected = selected or tuple(columns.document.table.columns)
        self._kept_statements = kept_statements
        self._statements: OrderedDict[Hashable, Statement] = OrderedDict()

    def page(
        self,
        filter_: Filter,
        order_by: OrderBy,
        *,
        tenant: str,
        collection: str,
        name_prefix: str,
        now_ns: int,
        limit: int,
        position: Position | None = None,
        narrowing: Narrowing | None = None,
        along: Along | None = None,
    ) -> Query:
        """The rows of a page in their order, and what to run it with.

        Args:
            filter_: Which records.
            order_by: In which order.
            tenant: Whose records.
            collection: Where they are.
            name_prefix: What stands before the id in the names of the collection's records.
            now_ns: Records that have expired by then are left out.
            limit: How many at the most.
            position: Of the last row of the page before; None for the first page.
            narrowing: What an index knows of them.
            along: An index that has all of them in this order.
        """
        has_position = position is not None
        shape = shape_of(filter_), order_shape(order_by)
        statement = self._statement(
            (*shape, has_position, narrowing and narrowing.shape, along and along.shape),
            lambda dialect: self._page(
                *shape, has_position=has_position, narrowing=narrowing, along=along, dialect=dialect
            ),
            # By ids or along an index, and all of them, a page is found by the key.
            is_scan=filter_.expression is not None or (len(order_by.terms) > 1 and along is None),
        )
        if along is not None and position is not None:
            position = along.place(position)
        values = [
            *values_of(filter_, name_prefix),
            *order_values(order_by),
            *(position or ()),
        ]
        params = numbered(values)
        params.update(tenant=tenant, collection=collection, now_ns=now_ns, row_limit=limit)
        for given in (narrowing, along):
            params.update({} if given is None else given.params)
        return statement, params

    def count(
        self,
        filter_: Filter,
        *,
        tenant: str,
        collection: str,
        name_prefix: str,
        now_ns: int,
        narrowing: Narrowing | None = None,
    ) -> Query:
        """A row with ``count``, the number of records that the filter lets pass. See ``page``."""
        shape = shape_of(filter_)
        statement = self._statement(
            (shape, narrowing and narrowing.shape),
            lambda dialect: self._count(shape, narrowing, dialect),
            is_scan=True,
        )
        params = numbered(values_of(filter_, name_prefix))
        params.update(tenant=tenant, collection=collection, now_ns=now_ns)
        params.update({} if narrowing is None else narrowing.params)
        return statement, params

    def _statement(
        self, shape: Hashable, construct: Callable[[str], Construct], *, is_scan: bool
    ) -> Statement:
        found = self._statements.get(shape)
        if found is None:
            found = self._statements[shape] = Statement(construct, is_scan=is_scan)
            if len(self._statements) > self._kept_statements:
                self._statements.popitem(last=False)
        else:
            self._statements.move_to_end(shape)
        return found

    def _page(
        self,
        filter_: Filter,
        order_by: OrderBy,
        *,
        has_position: bool,
        narrowing: Narrowing | None,
        along: Along | None,
        dialect: str,
    ) -> Construct:
        json, bindings = JSON_SQL[dialect], Bindings()
        wanted = self._wanted(filter_, json, bindings, narrowing)
        rows = sa.select(*self._selected)
        if along is None:
            keys = sort_keys(self._columns, order_by, json, bindings)
        else:
            keys = along.keys
            wanted += [*along.conditions, self._columns.record_id == along.record_id]
            rows = rows.select_from(along.record_id.table, self._columns.record_id.table)
            if dialect == "mysql":
                # Else it may begin with the records, and sort them.
                rows = rows.prefix_with("STRAIGHT_JOIN")
        if has_position:
            wanted.append(bindings.clause(after(keys, json, bindings)))
        return (
            rows.where(*wanted)
            .order_by(*(bindings.clause(str(key)) for key in keys))
            .limit(sa.bindparam("row_limit", type_=sa.Integer()))
        )

    def _count(self, filter_: Filter, narrowing: Narrowing | None, dialect: str) -> Construct:
        rows = sa.select(sa.func.count().label("count")).select_from(self._columns.document.table)
        return rows.where(*self._wanted(filter_, JSON_SQL[dialect], Bindings(), narrowing))

    def _wanted(
        self, filter_: Filter, json: JsonSql, bindings: Bindings, narrowing: Narrowing | None
    ) -> list[sa.ColumnElement[bool] | sa.TextClause]:
        columns = self._columns
        now = sa.bindparam("now_ns", type_=sa.BigInteger())
        condition = Predicate(columns, json, bindings).condition(filter_)
        named = [] if narrowing is None else [columns.record_id.in_(narrowing.ids)]
        return [
            columns.tenant == sa.bindparam("tenant", type_=sa.Text()),
            columns.collection == sa.bindparam("collection", type_=sa.Text()),
            sa.or_(columns.expire_time_ns.is_(None), columns.expire_time_ns > now),
            *named,
            bindings.clause(condition),
        ]
