"""What each of the latest changes of the access policy was about."""

from collections.abc import Collection

import sqlalchemy as sa

from blrcs.database.adapter import Transaction
from blrcs.database.statement import Statement, insert_into
from blrcs.database.tables import access_changes
from blrcs.domain.access_policy import AccessPolicy

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


async def note_change(
    transaction: Transaction, old: AccessPolicy, epoch: int, names: Collection[str]
) -> None:
    """Notes what an epoch put or deleted, unless it is too much to be worth it."""
    if len(names) <= MAX_NAMES:
        rows = [{"epoch": epoch, "name": name, "follows": old.stamp} for name in sorted(names)]
        await transaction.execute_many(_ADD, rows)
    await transaction.execute(_DROP, until=epoch - KEPT_EPOCHS)


async def changed_since(
    transaction: Transaction, known: AccessPolicy, epoch: int
) -> set[str] | None:
    """The names of what was put or deleted after the epoch of a known policy until another.

    None where that was not noted for each epoch between, or is too much; or where what was noted
    does not follow the known policy, but another one of the same epoch.
    """
    if not known.epoch < epoch <= known.epoch + KEPT_EPOCHS:
        return None
    rows = await transaction.fetch_all(_SINCE, after=known.epoch, limit=MAX_NAMES + 1)
    noted = {row.epoch for row in rows}
    if len(rows) > MAX_NAMES or noted != set(range(known.epoch + 1, epoch + 1)):
        return None
    # Then the later ones do, too: each was noted along with the one before it in the database.
    if bytes(rows[0].follows) != known.stamp:
        return None
    return {row.name for row in rows}
