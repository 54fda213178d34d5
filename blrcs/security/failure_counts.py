"""Failed proofs of identity, counted for one machine."""

from collections.abc import Sequence
from functools import cache

from blrcs.domain.failures import FailureBound, Failures, cells_of
from blrcs_native.limits.limiter import Limiter, Rule


class LimiterFailureCounts:
    """Implements FailureCounts for one machine, all of whose workers have the same limiter."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def take(self, failures: Sequence[Failures]) -> int | None:
        """See FailureCounts."""
        claims = [(_rule(bound), key, 1) for bound, key in cells_of(failures)]
        decision = self._limiter.consume_all(claims)
        return None if decision.allowed else decision.retry_after_ns

    async def give_back(self, failures: Sequence[Failures]) -> None:
        """See FailureCounts."""
        for bound, key in cells_of(failures):
            self._limiter.refund(_rule(bound), key)

    async def forget(self, failures: Sequence[Failures]) -> None:
        """See FailureCounts."""
        for bound, key in cells_of(failures):
            self._limiter.reset(_rule(bound), key)


@cache
def _rule(bound: FailureBound) -> Rule:
    return Rule("gcra", bound.failures, bound.period_ns, identity=bound.identity, burst=bound.burst)
