"""The access policy of a data directory, read beside a server that may run on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blrcs.cli.stored import read_stored
from blrcs.config.settings import Settings
from blrcs.database.adapter import Transaction
from blrcs.database.repositories.access import load_policy
from blrcs.database.repositories.administrators import keep_administrator
from blrcs.database.repositories.decision import latest_decisions
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.decision import Decision
from blrcs.domain.errors import DomainError


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a change would make of the policy.

    Attributes:
        policy: None where the change would be refused.
        refusal: Why; empty where it would not be.
        decisions: The latest of those that are recorded.
    """

    policy: AccessPolicy | None
    refusal: str
    decisions: Sequence[Decision]


def read_policy(settings: Settings) -> AccessPolicy:
    """Reads one moment of the database, and changes nothing.

    Raises:
        DatabaseOpenError: There is no database that this version can read.
    """
    return read_stored(settings, load_policy)


def read_candidate(
    settings: Settings,
    change: Callable[[AccessPolicy], AccessPolicy],
    *,
    now_ns: int,
    decisions: int,
) -> Candidate:
    """Judges a change by the policy and the users of one moment, and changes nothing.

    ``change`` gives the new policy, or raises DomainError.

    Raises:
        DatabaseOpenError: There is no database that this version can read.
    """

    async def read(transaction: Transaction) -> Candidate:
        recorded = await latest_decisions(transaction, decisions)
        old = await load_policy(transaction)
        try:
            new = change(old)
            await keep_administrator(transaction, old, new, now_ns)
        except DomainError as error:
            return Candidate(None, error.message, recorded)
        return Candidate(new, "", recorded)

    return read_stored(settings, read)
