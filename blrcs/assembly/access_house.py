"""What is done about access beside all calls."""

from collections.abc import Callable

from blrcs.application.ports.clock import Clock
from blrcs.assembly.housekeeping import Housekeeping, Work
from blrcs.database.repositories.decision import SqlDecisionRepository
from blrcs.security.access_store import AccessStore
from blrcs_native.access.decision_log import DecisionLog

PURGE_PERIOD_S = 60.0
FLUSH_PERIOD_S = 5.0


class AccessHouse:
    """Takes expired bindings away after a while, and stores what was decided.

    Args:
        keep_expired_ns: How long bindings stay after they have expired.
        recorded: How many different decisions are recorded; 0 records none.
    """

    def __init__(
        self,
        store: AccessStore,
        decisions: SqlDecisionRepository,
        *,
        clock: Clock,
        keep_expired_ns: int,
        recorded: int,
    ) -> None:
        self._store = store
        self._decisions = decisions
        self._clock = clock
        self._keep_expired_ns = keep_expired_ns
        self._log = DecisionLog(recorded) if recorded else None
        if self._log is not None:
            store.current.record(self._log)

    def keep(self, house: Housekeeping, leading: Callable[[Work], Work]) -> None:
        """Begins both."""
        house.repeat(PURGE_PERIOD_S, leading(self.purge))
        if self._log is not None:
            house.repeat(FLUSH_PERIOD_S, self.flush)

    async def purge(self) -> None:
        """Takes away the bindings that expired long enough ago."""
        until_ns = self._clock() - self._keep_expired_ns
        if self._store.policy.without_expired(until_ns=until_ns) is not self._store.policy:
            await self._store.change(lambda policy: policy.without_expired(until_ns=until_ns))

    async def flush(self) -> None:
        """Stores what was decided since the last time."""
        if self._log is not None:
            await self._decisions.add(self._log.take(), self._clock())
