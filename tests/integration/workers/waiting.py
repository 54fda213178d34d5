"""Writes to a revocation log once it has its lock, for which it waits for as long as that takes.

Usage: waiting.py LOCKS SLOTS PLACE LOG. The descriptors are those of the places and of the log.
"""

import mmap
import sys

from blrcs_native.shared.worker_slots import WorkerSlots
from blrcs_native.tokens.revocation_log import RevocationLog


def main() -> None:
    locks, count, place, log = map(int, sys.argv[1:])
    slots = WorkerSlots(locks, count)
    slots.take(place)
    RevocationLog(slots, buffer=mmap.mmap(log, 0)).ask_to_reload()


if __name__ == "__main__":
    main()
