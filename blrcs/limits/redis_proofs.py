"""Proofs of keys that were used, in Redis."""

from blrcs.application.ports.shared_counts import SpentProofs
from blrcs.domain.failures import FailureBound
from blrcs.limits.limit_calls import Operation
from blrcs.limits.limit_queue import RedisLostError
from blrcs.limits.redis_cells import RedisCells


class RedisSpentProofs:
    """Implements SpentProofs.

    Args:
        cells: Where they are remembered.
        without: Remembers while Redis is lost. Neither knows then what the other one has taken.
    """

    def __init__(self, cells: RedisCells, without: SpentProofs) -> None:
        self._cells = cells
        self._without = without

    async def spend(self, name: str, ttl_ns: int) -> bool:
        """See SpentProofs."""
        once = FailureBound("proof", 1, ttl_ns, burst=1)
        try:
            answer = await self._cells.ask(Operation.CONSUME, [(once, name)])
        except RedisLostError:
            return await self._without.spend(name, ttl_ns)
        return answer.allowed
