"""Finds processes that live and do nothing, or hold up others."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Protocol

import structlog

from blrcs.supervisor.process import WorkerProcess
from blrcs.supervisor.seat import Seat
from blrcs.workers.hold_up import HoldUp

log = structlog.get_logger("blrcs.supervisor")

PERIOD_S = 0.5
LATE_S = 5.0
"""After so long without a beat a worker gets no new connections."""
HOLDING_S = 5.0
"""So long one may have what the others wait for; as a rule it is some ten nanoseconds."""


class Signs(Protocol):
    """What the processes say of themselves in the shared memory."""

    def last_beat(self, process: int) -> int:
        """What grows as long as the loop of a process turns."""
        ...

    def hold_ups(self) -> Mapping[Hashable, HoldUp]:
        """Who waits just now, by what tells one wait of a process from its others."""
        ...

    def count_hang(self) -> None:
        """One is ended."""
        ...


class Watch:
    """Takes connections from those that are late, and ends those that hang.

    Only time is counted in which the supervisor itself could look: where all were stopped, as on a
    machine that sleeps, nobody is late. Whoever holds up others is ended before those who wait for
    it, which then have as long as any again. One that starts does not beat yet, and may take long:
    it hangs where it is stopped, and holds up others as any does. Only those wait who go on to try:
    one that is stopped while it waits is held up by nobody, and ended for its silence.

    Args:
        hang_s: So long a process may be without a beat.
        seats: Who is watched.
        signs: What is looked at.
    """

    def __init__(self, hang_s: float, seats: Callable[[], Iterable[Seat]], signs: Signs) -> None:
        self._hang_s = hang_s
        self._late_s = min(LATE_S, hang_s / 2)
        self._holding_s = min(HOLDING_S, hang_s / 2)
        self._seats = seats
        self._signs = signs
        self._silent: dict[WorkerProcess, tuple[int, float]] = {}
        self._waits: dict[tuple[Hashable, int], float] = {}
        self._tries: dict[int, int] = {}

    async def keep(self) -> None:
        """Looks again and again, until it is cancelled.

        Where it cannot it says so, once until it can again: else nobody would know that those that
        hang are left alone.
        """
        loop = asyncio.get_running_loop()
        sees = True
        while True:
            began_s = loop.time()
            await asyncio.sleep(PERIOD_S)
            try:
                self.look(min(loop.time() - began_s, 2 * PERIOD_S))
            except Exception:  # the server goes on, whatever it is
                if sees:
                    log.exception("processes are not watched")
                sees = False
            else:
                sees = True

    def look(self, passed_s: float) -> None:
        """Sees to what has changed, so long after it has looked last."""
        watched = {process: seat for seat in self._seats() for process in seat.watched()}
        self._end_holders(watched, passed_s)
        silent: dict[WorkerProcess, tuple[int, float]] = {}
        for process, seat in watched.items():
            beat = self._signs.last_beat(process.process_id)
            known, silent_s = self._silent.get(process, (beat, 0.0))
            goes_on = beat != known or not (process.has_started or process.is_stopped)
            silent_s = 0.0 if goes_on else silent_s + passed_s
            silent[process] = beat, silent_s
            seat.set_late(process, now=silent_s >= self._late_s)
            if silent_s >= self._hang_s and seat.abandon(process, "hangs"):
                self._signs.count_hang()
        self._silent = silent

    def _end_holders(self, watched: Mapping[WorkerProcess, Seat], passed_s: float) -> None:
        """Ends those who have what others have tried to get for too long."""
        found = self._signs.hold_ups()
        trying = self._who_tries(found.values())
        self._waits = {
            (wait, each.holder): self._waits.get((wait, each.holder), -passed_s)
            + (passed_s if each.waiter in trying else 0.0)
            for wait, each in found.items()
        }
        too_long = {
            holder for (_, holder), held_s in self._waits.items() if held_s >= self._holding_s
        }
        # Of several that wait for one another the last is at fault.
        at_fault = too_long - trying
        # On a busy machine one may not have come to try since the last look.
        held_up = {
            found[wait].waiter
            for (wait, holder), held_s in self._waits.items()
            if holder in at_fault and held_s > 0
        }
        for process, seat in watched.items():
            if process.process_id in at_fault and seat.abandon(process, "holds up others"):
                self._signs.count_hang()
                self._waits = dict.fromkeys(self._waits, 0.0)
                for waiter in [each for each in self._silent if each.process_id in held_up]:
                    del self._silent[waiter]

    def _who_tries(self, waits: Iterable[HoldUp]) -> set[int]:
        """Those who have tried since the last look; who looks itself is not stopped."""
        before, self._tries = self._tries, {each.waiter: each.tries for each in waits}
        return {
            waiter
            for waiter, tries in self._tries.items()
            if not waiter or before.get(waiter) != tries
        }
