"""Chooses where failed sign-ins and used proofs are counted: as far as users are the same."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blrcs.application.ports.shared_counts import FailureCounts, SpentProofs
from blrcs.assembly.foundation import NS_PER_S, Foundation
from blrcs.config.limits import Limits
from blrcs.database.repositories.sign_in_failures import StoredFailureCounts
from blrcs.database.repositories.spent_proofs import StoredSpentProofs
from blrcs.security.failure_counts import LimiterFailureCounts
from blrcs.workers.memory import SIGN_IN, SIGN_IN_CELLS, Memory

if TYPE_CHECKING:
    from blrcs.limits.redis_cells import RedisCells


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCounts:
    """Of one machine, or of all that share a database.

    Attributes:
        proofs: None where the memory of the machine is all that there is.
        purges: Drop what is stored in vain. To be called regularly.
    """

    failures: FailureCounts
    proofs: SpentProofs | None = None
    purges: tuple[Callable[[], Awaitable[object]], ...] = ()


def assemble_shared_counts(
    base: Foundation, settings: Limits, memory: Memory, stack: AsyncExitStack
) -> SharedCounts:
    """Those of the database, or of Redis where there is one; that of the database without it."""
    if not base.database.is_shared:
        return SharedCounts(failures=LimiterFailureCounts(memory.limiter(SIGN_IN, SIGN_IN_CELLS)))
    failures = StoredFailureCounts(base.database, base.clock)
    proofs = StoredSpentProofs(base.database, base.clock)
    purges = (failures.purge, proofs.purge)
    if base.redis is None:
        return SharedCounts(failures=failures, proofs=proofs, purges=purges)
    from blrcs.limits.redis_failures import RedisFailureCounts  # noqa: PLC0415 - as there
    from blrcs.limits.redis_proofs import RedisSpentProofs  # noqa: PLC0415

    return SharedCounts(
        failures=RedisFailureCounts(_cells(base, settings, "failures", stack), failures),
        proofs=RedisSpentProofs(_cells(base, settings, "proofs", stack), proofs),
        purges=purges,
    )


def _cells(base: Foundation, settings: Limits, purpose: str, stack: AsyncExitStack) -> "RedisCells":
    # Takes long to import, for what most servers do not have.
    from blrcs.limits.redis_cells import RedisCells  # noqa: PLC0415

    assert base.redis is not None  # noqa: S101 - for mypy
    cells = RedisCells(
        base.redis,
        purpose,
        key_prefix=f"{base.redis.key_prefix}:",
        timeout_s=settings.redis_timeout.ns / NS_PER_S,
        retry_s=settings.redis_retry.ns / NS_PER_S,
    )
    stack.push_async_callback(cells.close)
    return cells
