"""Which processes of a server go on: each says so in shared memory, as long as its loop turns."""

import asyncio
import os
import time

from blrcs_native.shared.shared_map import SharedRegion

PERIOD_S = 0.5
WORD_BYTES = 8
PROCESS, BEAT_NS, CPU_NS, WORDS = 0, 1, 2, 3


class Pulses:
    """A process's number, the instant of its last beat, and what it has used, for some places.

    The first entry is the supervisor's, who serves nobody: it counts there those that it has ended
    because they hung. Each place is written to by one process alone, a word at a time.

    Args:
        region: Memory of ``size_bytes_for`` the places, zero at first.
    """

    def __init__(self, region: SharedRegion) -> None:
        self._words = memoryview(region).cast("Q")
        self._used_before_ns = 0

    @staticmethod
    def size_bytes_for(places: int) -> int:
        """The size of the memory for so many places."""
        return places * WORDS * WORD_BYTES

    def begin(self, place: int) -> None:
        """Writes down that this process has the place."""
        self._used_before_ns = self.cpu_ns(place)
        self._words[place * WORDS + BEAT_NS] = 0
        self._words[place * WORDS + PROCESS] = os.getpid()

    def keep(self, place: int) -> None:
        """Beats twice a second from now on. Belongs to the running loop."""
        self._words[place * WORDS + BEAT_NS] = time.monotonic_ns()
        self._words[place * WORDS + CPU_NS] = self._used_before_ns + time.process_time_ns()
        asyncio.get_running_loop().call_later(PERIOD_S, self.keep, place)

    def process(self, place: int) -> int:
        """The number of the process that has a place, or had it last; 0 where none has."""
        return self._words[place * WORDS + PROCESS]

    def last_ns(self, place: int) -> int:
        """When it has beaten last, by the monotonic clock; 0 before its first."""
        return self._words[place * WORDS + BEAT_NS]

    def cpu_ns(self, place: int) -> int:
        """What its process, and those that had it before, had used of processors at their beats."""
        return self._words[place * WORDS + CPU_NS]

    def last_of(self, process: int) -> int:
        """Likewise of a process, by its number.

        The system gives numbers again, and places of the dead keep theirs: of several with the same
        number the one that lives has beaten last, from its first beat on.
        """
        places = range(1, len(self._words) // WORDS)
        return max(
            (self.last_ns(each) for each in places if self.process(each) == process), default=0
        )

    @property
    def hangs(self) -> int:
        """How many have been ended because they hung, or held up others."""
        return self._words[BEAT_NS]

    def count_hang(self) -> None:
        """One more; for the supervisor."""
        self._words[BEAT_NS] += 1
