"""Cells in Redis that the server itself counts in, for all machines that share it."""

from collections.abc import Callable, Iterable

from blrcs.domain.failures import FailureBound
from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.limit_calls import Answer, Claim, Counted, LimitCall, Operation
from blrcs.limits.limit_queue import LimitQueue, RunsScripts
from blrcs.limits.redis_rule import RedisRule, compile_rule


class RedisCells:
    """Counts by the script of the limits. Belongs to the event loop.

    Args:
        redis: Counts.
        purpose: What is counted, apart from all else: no domain of LimitService has such a name.
        key_prefix: What the names of all keys in Redis begin with.
        timeout_s: How long a decision waits for Redis.
        retry_s: How often a Redis that is lost is looked for.
        clock_us: For tests: the time to count by, instead of the server's.
    """

    def __init__(
        self,
        redis: RunsScripts,
        purpose: str,
        *,
        key_prefix: str,
        timeout_s: float,
        retry_s: float,
        clock_us: Callable[[], int] | None = None,
    ) -> None:
        self._domain = f"/{purpose}"
        self._key_prefix = key_prefix
        self._compiled: dict[FailureBound, RedisRule] = {}
        probe = FailureBound("probe", 1, 1_000_000, burst=1)
        self._queue = LimitQueue(
            redis,
            LimitCall(Operation.RESET, [self._claim(probe, "", 0)]),
            timeout_s=timeout_s,
            retry_s=retry_s,
            clock_us=clock_us,
        )

    async def ask(
        self, operation: Operation, cells: Iterable[tuple[FailureBound, str]], cost: int = 1
    ) -> Answer:
        """What comes of it, in one step for all cells, which differ.

        Raises:
            RedisLostError: Redis has not decided.
        """
        claims = [self._claim(bound, key, cost) for bound, key in cells]
        return await self._queue.ask(LimitCall(operation, claims))

    async def close(self) -> None:
        """Ends what is under way."""
        await self._queue.close()

    def _claim(self, bound: FailureBound, key: str, cost: int) -> Claim:
        compiled = self._compiled.get(bound)
        if compiled is None:
            rule = LimitRule(
                id=bound.identity,
                domain=self._domain,
                match=(LimitEntry("key"),),
                requests=bound.failures,
                period_ns=bound.period_ns,
                burst=bound.burst,
            )
            compiled = self._compiled[bound] = compile_rule(rule, key_prefix=self._key_prefix)
        return Claim(Counted(compiled, key.encode()), cost)
