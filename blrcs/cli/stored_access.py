"""What a data directory says of a principal, read beside a server that may run on it."""

import time
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from blrcs.cli.stored import read_stored
from blrcs.config.settings import Settings
from blrcs.database.adapter import Transaction
from blrcs.database.repositories.access import load_policy
from blrcs.database.statement import Statement
from blrcs.database.tables import service_accounts, users
from blrcs.domain.identity_name import SERVICE_ACCOUNTS, USERS
from blrcs.security.compiled_policy import compile_policy
from blrcs_native.access.table import AccessTable

_THIS: sa.BindParameter[str] = sa.bindparam("this_id")
_ACCOUNTS = {
    USERS: Statement(
        sa.select(users.c.disabled, users.c.password_change_required).where(users.c.id == _THIS)
    ),
    SERVICE_ACCOUNTS: Statement(
        sa.select(service_accounts.c.disabled, sa.false().label("password_change_required")).where(
            service_accounts.c.id == _THIS
        )
    ),
}


@dataclass(frozen=True, slots=True)
class Account:
    """What authentication asks of a user or service account."""

    disabled: bool
    password_change_required: bool


@dataclass(frozen=True, slots=True)
class StoredAccess:
    """The access table as stored, and the account of one principal; None if it has none."""

    table: AccessTable
    account: Account | None


def read_access(settings: Settings, principal: str) -> StoredAccess:
    """Reads one moment of the database, and changes nothing.

    Raises:
        DatabaseOpenError: There is no database that this version can read.
    """
    return read_stored(settings, partial(_read, principal=principal))


async def _read(transaction: Transaction, principal: str) -> StoredAccess:
    policy = await load_policy(transaction)
    table = compile_policy(policy, time.time_ns).table
    return StoredAccess(table, await _account(transaction, principal))


async def _account(transaction: Transaction, principal: str) -> Account | None:
    collection, _, account_id = principal.partition("/")
    statement = _ACCOUNTS.get(collection)
    if statement is None:
        return None
    row = await transaction.fetch_one(statement, this_id=account_id)
    return None if row is None else Account(row.disabled, bool(row.password_change_required))
