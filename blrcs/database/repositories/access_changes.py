"""What each of the latest changes of the access policy was about."""

from collections.abc import Collection

import sqlalchemy as sa

from blrcs.database.adapter import Transaction
from blrcs.database.statement import Statement, insert_into
from blrcs.database.tables import access_changes

KEPT_EPOCHS = 1000
MAX_NAMES = 200
"""Beyond that many the whole policy is read."""

_ADD = insert_into(access_changes)
_DROP = Statement(sa.delete(access_changes).where(access_changes.c.epoch <= sa.bindparam("until")))
_SINCE = Statement(
    sa.select(access_changes)
    .where(access_changes.c.epoch > sa.bindparam("after"))
    .order_by(access_changes.c.epoch, access_changes.c.name)
    .limit(sa.bindparam("limit"))
)


async def note_change(transaction: Transaction, epoch: int, names: Collection[str]) -> None:
    """Notes what was put or deleted, unless it is too much to be worth it."""
    if len(names) <= MAX_NAMES:
        rows = [{"epoch": epoch, "name": name} for name in sorted(names)]
        await transaction.execute_many(_ADD, rows)
    await transaction.execute(_DROP, until=epoch - KEPT_EPOCHS)


async def changed_since(transaction: Transaction, known: int, epoch: int) -> set[str] | None:
    """The names of what was put or deleted after one epoch until another.

    None where that was not noted for each epoch between, or is too much.
    """
    if not known <= epoch <= known + KEPT_EPOCHS:
        return None
    rows = await transaction.fetch_all(_SINCE, after=known, limit=MAX_NAMES + 1)
    noted = {row.epoch for row in rows}
    if len(rows) > MAX_NAMES or noted != set(range(known + 1, epoch + 1)):
        return None
    return {row.name for row in rows}
