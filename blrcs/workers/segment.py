"""One piece of memory that the processes of a server share."""

import os
from collections.abc import Mapping
from typing import Self

import orjson

from blrcs_native.shared.shared_map import SharedMap, SharedRegion
from blrcs_native.shared.worker_slots import WorkerSlots

MAGIC = b"BLRCSEG1"
LENGTH_BYTES = 8
PAGE_BYTES = 4096
MAX_LAYOUT_BYTES = PAGE_BYTES - len(MAGIC) - LENGTH_BYTES


class SegmentUnavailableError(Exception):
    """The system gives no memory that processes can share."""


class Segment:
    """Named regions of anonymous memory, zero at first, and places for the processes that use it.

    The memory is a memfd: it has no name that could be left behind, is not bounded by /dev/shm, and
    lives as long as one process has it. What is never written to takes none. The first page says
    where the regions are, so that a process of other settings finds those that are there.

    Args:
        memory: The memory's descriptor; the segment's from now on.
        locks: Of the file that the places are locked in, likewise.
    """

    def __init__(self, memory: int, locks: int) -> None:
        self.memory = memory
        self.locks = locks
        self._map = SharedMap(memory)
        first = memoryview(self._map.region(0, PAGE_BYTES))
        head = len(MAGIC) + LENGTH_BYTES
        if first[: len(MAGIC)] != MAGIC:
            raise ValueError("the memory holds no segment")
        size = int.from_bytes(first[len(MAGIC) : head], "little")
        layout = orjson.loads(first[head : head + size])
        self._regions: dict[str, tuple[int, int]] = layout["regions"]
        self.slots = WorkerSlots(locks, layout["slots"])

    @classmethod
    def create(cls, sizes_bytes: Mapping[str, int], *, slots: int) -> Self:
        """A new segment with a region for each name.

        Raises:
            SegmentUnavailableError: The system does not give it.
        """
        regions: dict[str, tuple[int, int]] = {}
        end = PAGE_BYTES
        for name, size_bytes in sizes_bytes.items():
            regions[name] = (end, size_bytes)
            end = -(-(end + size_bytes) // PAGE_BYTES) * PAGE_BYTES
        layout = orjson.dumps({"regions": regions, "slots": slots})
        if len(layout) > MAX_LAYOUT_BYTES:
            raise ValueError("there are too many regions")
        try:
            memory = os.memfd_create("blrcs")
            os.ftruncate(memory, end)
            os.pwrite(memory, MAGIC + len(layout).to_bytes(LENGTH_BYTES, "little") + layout, 0)
            return cls(memory, os.memfd_create("blrcs-slots"))
        except OSError as error:
            what = error.strerror or error
            why = f"{end >> 20} MiB of memory for all workers cannot be had: {what}"
            raise SegmentUnavailableError(why) from error

    def region(self, name: str) -> SharedRegion:
        """The memory of a region."""
        return self._map.region(*self._regions[name])

    def part(self, name: str, number: int, count: int) -> SharedRegion:
        """One of ``count`` equal parts of a region."""
        start, size_bytes = self._regions[name]
        part_bytes = size_bytes // count
        return self._map.region(start + number * part_bytes, part_bytes)
