"""The replicas of one primary, and which of them to read from."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from blrcs.database.errors import unavailable
from blrcs.database.replicas.position import Position
from blrcs.database.replicas.replica import Loan, Replica
from blrcs.domain.deadline import remaining_s

ReplicaPolicy = Literal["round_robin", "least_connections"]

TOKEN_WAIT_S = 0.1
"""How long a read waits for a replica to come as far as its caller's token says."""
WAIT_SHARE = 0.25
"""Of the time that its caller has left, if that is shorter."""
LOOK_AGAIN_S = 0.005
QUESTIONS = 3
"""To one whose connections are new, while others open more of them."""


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
        covering = [each for each in found if self._has_all(each, positions)]
        if not covering:
            # Only then, since one that hangs would hold up those that another can answer.
            await self._prove(found)
            covering = [each for each in found if self._has_all(each, positions)]
        if covering or not positions or not found:
            return covering
        return await self._wait_for(found, positions)

    async def lend(self, replica: Replica, positions: Sequence[Position]) -> Loan:
        """One of them, for a read; what it has is not waited for.

        Raises:
            UnavailableError: It has not all of some positions, or is not new enough any more.
        """
        await self._prove([replica])
        # From here to the loan nothing is waited for.
        if not self._has_all(replica, positions):
            raise unavailable()
        return replica.lend()

    def _has_all(self, replica: Replica, positions: Sequence[Position]) -> bool:
        return self.keeps_up(replica) and replica.has_all(positions)

    async def _prove(self, replicas: Sequence[Replica]) -> None:
        """Asks those again that have connections which are younger than what is known of them."""
        if all(each.is_proven for each in replicas):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_patience_s()):
                for _ in range(QUESTIONS):
                    asked = [each.refresh() for each in replicas if not each.is_proven]
                    await asyncio.gather(*asked, return_exceptions=True)

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
        covering: list[Replica] = []
        try:
            async with asyncio.timeout(_patience_s()):
                while not covering:
                    await asyncio.gather(
                        *(each.refresh() for each in replicas), return_exceptions=True
                    )
                    covering = [each for each in replicas if self._has_all(each, positions)]
                    if not covering:
                        await asyncio.sleep(LOOK_AGAIN_S)
        except TimeoutError:
            # One that hangs must not hide that another has come as far.
            covering = [each for each in replicas if self._has_all(each, positions)]
        return covering


def _patience_s() -> float:
    left_s = remaining_s()
    return TOKEN_WAIT_S if left_s is None else min(TOKEN_WAIT_S, left_s * WAIT_SHARE)
