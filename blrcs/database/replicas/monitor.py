"""Looks again and again how far replicas have come."""

import asyncio
from contextlib import suppress

import structlog

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.errors import DatabaseOpenError
from blrcs.database.replicas.group import ReplicaGroup, ReplicaObserver
from blrcs.database.replicas.position import Positions
from blrcs.database.replicas.replica import ANSWER_TIMEOUT_S, Replica
from blrcs.database.replicas.samples import NEVER_S, Samples
from blrcs.domain.errors import DomainError

LONGEST_INTERVAL_S = 1.0
CHECKS_IN_LAG = 4
FIRST_PAUSE_S = 0.005

log = structlog.get_logger("blrcs.database.replicas")


class Monitor:
    """Asks the primary where it is, and each replica how far it has come.

    A replica that does not answer is given up at once; one that lags is not read from while it
    does. Both are taken back by themselves. What it cannot find out it takes for the worst.

    Args:
        primary: Whose replicas they are.
        positions: How positions are asked for.
        samples: Where the primary's go.
        group: The replicas.
        observer: Is told of each check.
        max_lag_s: How far behind they may be.
    """

    def __init__(
        self,
        primary: DatabaseAdapter,
        positions: Positions,
        samples: Samples,
        group: ReplicaGroup,
        observer: ReplicaObserver,
        *,
        max_lag_s: float,
    ) -> None:
        self._primary = primary
        self._positions = positions
        self._samples = samples
        self._group = group
        self._observer = observer
        self._interval_s = min(LONGEST_INTERVAL_S, max_lag_s / CHECKS_IN_LAG)
        self._answer_timeout_s = min(ANSWER_TIMEOUT_S, max_lag_s)
        self._origin: str | None = None
        self._checking: dict[str, asyncio.Task[None]] = {}
        self._in_use: dict[str, bool] = {}
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Looks, so that those that keep up serve from the beginning, and then again and again."""
        await self._look()
        await asyncio.wait(list(self._checking.values()), timeout=self._answer_timeout_s)
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Looks no more."""
        tasks = [*self._checking.values(), *([self._running] if self._running else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self._look()

    async def _look(self) -> None:
        """At all, but for those of whom no answer has come yet: they hold nobody up."""
        await self._ask_primary()
        for replica in self._group.replicas:
            if replica.name not in self._checking:
                task = asyncio.create_task(self._check(replica))
                self._checking[replica.name] = task

    async def _ask_primary(self) -> None:
        asked_s = asyncio.get_running_loop().time()
        # Where it does not answer, what replicas have grows old by itself.
        with suppress(Exception):
            async with asyncio.timeout(self._answer_timeout_s):
                if self._origin is None:
                    self._origin = await self._positions.origin(self._primary)
                self._samples.add(asked_s, await self._positions.written(self._primary))

    async def _check(self, replica: Replica) -> None:
        problem = "it lags"
        try:
            if self._origin is not None:
                async with asyncio.timeout(self._answer_timeout_s):
                    await replica.open(self._origin)
                    await replica.refresh()
                await self._follow(replica)
        except Exception as error:  # noqa: BLE001 - drivers raise all kinds, and each one means no
            # What a driver says may quote a password.
            told = isinstance(error, DomainError | DatabaseOpenError)
            problem = str(error) if told else f"it does not answer: {type(error).__name__}"
            replica.give_up()
        finally:
            del self._checking[replica.name]
        self._tell(replica, problem)

    async def _follow(self, replica: Replica) -> None:
        """Looks again until it has come to where the primary was: most are a moment behind."""
        pause_s = FIRST_PAUSE_S
        while replica.as_of_s < self._samples.newest_s and pause_s < self._interval_s:
            await asyncio.sleep(pause_s)
            pause_s *= 2
            async with asyncio.timeout(self._answer_timeout_s):
                await replica.refresh()

    def _tell(self, replica: Replica, problem: str) -> None:
        usable = self._group.keeps_up(replica)
        lag_s = None
        if replica.as_of_s != NEVER_S:
            lag_s = asyncio.get_running_loop().time() - replica.as_of_s
        self._observer.checked(replica.name, lag_s, usable=usable)
        was_usable = self._in_use.get(replica.name)
        self._in_use[replica.name] = usable
        if usable and was_usable is False:
            log.info("replica taken back", replica=replica.name)
        elif not usable and was_usable is not False:
            log.warning("replica not read from", replica=replica.name, problem=problem)
