"""The access policy of a data directory, read beside a server that may run on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from blrcs.cli.stored import read_stored
from blrcs.config.settings import Settings
from blrcs.database.adapter import Transaction
from blrcs.database.repositories.access import load_policy
from blrcs.database.repositories.decision import latest_decisions
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.decision import Decision


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """The policy, and the latest of the decisions that are recorded."""

    policy: AccessPolicy
    decisions: Sequence[Decision]


def read_policy(settings: Settings, *, decisions: int = 0) -> StoredPolicy:
    """Reads one moment of the database, and changes nothing.

    Raises:
        DatabaseOpenError: There is no database that this version can read.
    """
    return read_stored(settings, partial(_read, decisions=decisions))


async def _read(transaction: Transaction, decisions: int) -> StoredPolicy:
    recorded = await latest_decisions(transaction, decisions) if decisions else ()
    return StoredPolicy(await load_policy(transaction), recorded)
