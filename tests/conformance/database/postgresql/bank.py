"""Accounts in a PostgreSQL, and what is asked of them."""

import asyncio
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.statement import Statement
from blrcs.database.types import KEY, NUMBER

PATIENCE_S = 30

metadata = sa.MetaData()
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("balance", NUMBER, nullable=False),
    sa.Column(
        "owner",
        KEY,
        sa.ForeignKey("accounts.id", name="accounts_owner", deferrable=True, initially="DEFERRED"),
    ),
    sa.CheckConstraint("balance >= 0", name="accounts_balance"),
)

ADD = Statement(sa.insert(accounts).values(id=sa.bindparam("id"), balance=sa.bindparam("balance")))
ADD_OWNED = Statement(sa.insert(accounts))
ALL = Statement(sa.select(accounts.c.id, accounts.c.balance).order_by(accounts.c.id))
TOTAL = Statement(sa.select(sa.func.sum(accounts.c.balance).label("total")))
EVERYTHING = Statement(sa.select(accounts.c.balance, sa.text("*")).select_from(accounts))
SET = Statement(
    sa.update(accounts)
    .where(accounts.c.id == sa.bindparam("account"))
    .values(balance=sa.bindparam("amount"))
)
SLEEP = Statement(sa.select(sa.func.pg_sleep(600).label("slept")))
BACKEND = Statement(sa.select(sa.func.pg_backend_pid().label("pid")))
PREPARED = Statement(
    sa.select(sa.func.count().label("count")).select_from(sa.table("pg_prepared_statements"))
)

ASLEEP = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active'"
OTHERS = " AND pid <> pg_backend_pid()"
TERMINATE = "SELECT pg_terminate_backend($1, 30000)"


async def until(condition: Callable[[], Any]) -> Any:
    """What an awaitable condition gives when that is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not (result := await condition()):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
    return result


async def all_back(database: PostgresqlAdapter) -> None:
    async def is_idle() -> bool:
        return database.connections_in_use == 0

    await until(is_idle)
