"""Failed proofs of identity, counted in Redis."""

from collections.abc import Sequence

from blrcs.application.ports.shared_counts import FailureCounts
from blrcs.domain.errors import UnavailableError
from blrcs.domain.failures import Failures, cells_of
from blrcs.limits.limit_calls import Operation
from blrcs.limits.limit_queue import RedisLostError
from blrcs.limits.redis_cells import RedisCells


class RedisFailureCounts:
    """Implements FailureCounts.

    Args:
        cells: Where it counts.
        without: Counts while Redis is lost.
    """

    def __init__(self, cells: RedisCells, without: FailureCounts) -> None:
        self._cells = cells
        self._without = without

    async def take(self, failures: Sequence[Failures]) -> int | None:
        """See FailureCounts."""
        try:
            answer = await self._cells.ask(Operation.CONSUME, cells_of(failures))
        except RedisLostError:
            return await self._without.take(failures)
        return None if answer.allowed else answer.retry_after_ns

    async def give_back(self, failures: Sequence[Failures]) -> None:
        """See FailureCounts."""
        try:
            await self._cells.ask(Operation.REFUND, cells_of(failures))
        except RedisLostError:
            await self._without.give_back(failures)

    async def forget(self, failures: Sequence[Failures]) -> None:
        """See FailureCounts. What was counted without Redis is forgotten even where it is lost."""
        await self._without.forget(failures)
        try:
            await self._cells.ask(Operation.RESET, cells_of(failures), 0)
        except RedisLostError:
            raise UnavailableError(
                "LIMITS_UNAVAILABLE", "what is counted in Redis cannot be forgotten now: try again"
            ) from None
