"""The replicas of one primary, and which of them to read from."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from blrcs.database.replicas.position import Position
from blrcs.database.replicas.replica import Replica
from blrcs.domain.deadline import remaining_s

ReplicaPolicy = Literal["round_robin", "least_connections"]

TOKEN_WAIT_S = 0.1
"""How long a read waits for a replica to come as far as its caller's token says."""
WAIT_SHARE = 0.25
"""Of the time that its caller has left, if that is shorter."""
LOOK_AGAIN_S = 0.005


class ReplicaObserver(Protocol):
    """Is told of replicas; must not block."""

    def checked(self, replica: str, lag_s: float | None, *, usable: bool) -> None:
        """One was looked at: how old what it has may be, None where it is unknown."""

    def read(self, source: str) -> None:
        """A read that may be stale went there: to a replica, or to ``primary``."""


class Unobserved:
    """A ReplicaObserver where nobody looks."""

    def checked(self, replica: str, lag_s: float | None, *, usable: bool) -> None:
        """Forgets it."""

    def read(self, source: str) -> None:
        """Forgets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaOptions:
    """How replicas are used.

    Attributes:
        policy: Which of those that may be read from is next.
        max_lag_s: How old what a read sees may be, counted from its beginning.
    """

    policy: ReplicaPolicy = "round_robin"
    max_lag_s: float = 10.0


class ReplicaGroup:
    """Chooses among replicas. Belongs to one event loop.

    Args:
        replicas: All there are.
        options: How they are used.
    """

    def __init__(self, replicas: Sequence[Replica], options: ReplicaOptions) -> None:
        self.replicas = tuple(replicas)
        self._options = options
        self._turn = 0

    def keeps_up(self, replica: Replica) -> bool:
        """Whether what it has is new enough."""
        return replica.as_of_s >= self._oldest_s()

    async def candidates(self, positions: Sequence[Position]) -> list[Replica]:
        """Those to read from, the first one first, which have all of some positions.

        Waits a little for the first that has; a caller who asks for what is never written waits in
        vain, and neither holds a connection nor has replicas asked more often than others do.
        """
        found = self._in_order()
        if not positions or not found:
            return found
        covering = [each for each in found if each.has_all(positions)]
        return covering or await self._wait_for(found, positions)

    def _oldest_s(self) -> float:
        return asyncio.get_running_loop().time() - self._options.max_lag_s

    def _in_order(self) -> list[Replica]:
        oldest_s = self._oldest_s()
        found = [each for each in self.replicas if each.as_of_s >= oldest_s]
        if len(found) > 1:
            self._turn = (self._turn + 1) % len(found)
            found = found[self._turn :] + found[: self._turn]
            if self._options.policy == "least_connections":
                found.sort(key=lambda each: each.in_flight)
        return found

    async def _wait_for(
        self, replicas: Sequence[Replica], positions: Sequence[Position]
    ) -> list[Replica]:
        left_s = remaining_s()
        patience_s = TOKEN_WAIT_S if left_s is None else min(TOKEN_WAIT_S, left_s * WAIT_SHARE)
        covering: list[Replica] = []
        try:
            async with asyncio.timeout(patience_s):
                while not covering:
                    await asyncio.gather(
                        *(each.refresh() for each in replicas), return_exceptions=True
                    )
                    covering = [each for each in replicas if each.has_all(positions)]
                    if not covering:
                        await asyncio.sleep(LOOK_AGAIN_S)
        except TimeoutError:
            # One that hangs must not hide that another has come as far.
            covering = [each for each in replicas if each.has_all(positions)]
        return covering
