"""Rows of records are in the order in which their statements take them."""

import pytest

from blrcs.database.mysql.dialect import MYSQL
from blrcs.database.postgresql.dialect import POSTGRESQL
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.statement import insert_into
from blrcs.database.tables import record_changes, records
from blrcs.database.upsert import upsert


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL, MYSQL], ids=lambda each: each.name)
@pytest.mark.parametrize("table", [records, record_changes], ids=lambda each: each.name)
@pytest.mark.parametrize("write", [insert_into, upsert])
def test_a_statement_takes_the_columns_in_the_order_of_the_table(dialect, table, write):
    assert write(table).compiled(dialect).parameters == tuple(table.columns.keys())
