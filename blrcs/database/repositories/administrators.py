"""Whether somebody stays administrator who can sign in, within the transaction of a change."""

from collections.abc import Collection

import sqlalchemy as sa

from blrcs.database.adapter import Transaction
from blrcs.database.statement import Statement
from blrcs.database.tables import users
from blrcs.domain.access_closure import administrators
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.identity_name import user_id_in
from blrcs.domain.policy_rules import FOR_EVER_NS, last_administrator

_DISABLED = Statement(sa.select(users.c.disabled).where(users.c.id == sa.bindparam("of_id")))


async def keep_administrator(
    transaction: Transaction, before: AccessPolicy, after: AccessPolicy, now_ns: int
) -> None:
    """Refuses a policy in which no user administers who exists and is enabled, if one does so far.

    Raises:
        FailedPreconditionError: It is the last one, now or for good.
    """
    for at_ns in dict.fromkeys((now_ns, FOR_EVER_NS)):
        was, stays = administrators(before, at_ns), administrators(after, at_ns)
        if (
            not was <= stays
            and not await _any_enabled(transaction, stays)
            and await _any_enabled(transaction, was)
        ):
            raise last_administrator()


async def keep_other_administrator(
    transaction: Transaction, policy: AccessPolicy, user: str, now_ns: int
) -> None:
    """Refuses to disable or delete the last user who administers; it is enabled so far.

    Raises:
        FailedPreconditionError: It is the last one, now or for good.
    """
    for at_ns in dict.fromkeys((now_ns, FOR_EVER_NS)):
        found = administrators(policy, at_ns)
        if user in found and not await _any_enabled(transaction, found - {user}):
            raise last_administrator()


async def _any_enabled(transaction: Transaction, names: Collection[str]) -> bool:
    for name in sorted(names):
        row = await transaction.fetch_one(_DISABLED, of_id=user_id_in(name))
        if row is not None and not row.disabled:
            return True
    return False
