"""The copies that a worker has of the entries that the keeper keeps, and what they answered."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blrcs.cache.memory_namespace import Clock
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEntry
from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.near import NearCopies
from blrcs_native.cache.stamps import CacheStamps


def near_copies(
    settings: Cache,
    stamps: CacheStamps,
    hits: CacheHits,
    *,
    clock: Clock = time.time_ns,
    monotonic: Clock = time.monotonic_ns,
) -> NearCopies[CacheEntry]:
    """A worker's copies, within its share of each namespace's bounds.

    Args:
        settings: Those of the cache.
        stamps: Those that the keeper bumps.
        hits: Where this process counts.
        clock: Wall-clock nanoseconds.
        monotonic: Nanoseconds by which the keeper's entries age.
    """

    def bounds(name: str) -> tuple[int, int]:
        namespace, percent = settings.namespace(name), settings.near_percent
        max_entries, max_bytes = namespace.max_entries or 1, namespace.max_bytes or 1
        return max(1, max_entries * percent // 100), max(1, max_bytes * percent // 100)

    return NearCopies(
        stamps,
        hits,
        bounds=bounds,
        max_namespaces=settings.max_namespaces,
        make=CacheEntry,
        clock=clock,
        monotonic=monotonic,
    )


@dataclass(frozen=True, slots=True)
class _Column:
    """Where hits of a namespace are counted, and what was counted there before it came to be."""

    namespace: object
    number: int
    before: int


class NearHits:
    """The keeper's view of what copies answered: a row for each process, a column a namespace.

    Args:
        rows: Those of all processes, all equally long.
        namespaces: Those that exist, by their names; the dict is the owner's, who changes it.
    """

    def __init__(self, rows: Sequence[CacheHits], namespaces: Mapping[str, object]) -> None:
        self._rows = rows
        self._namespaces = namespaces
        self._free = list(range(rows[0].count))
        self._columns: dict[str, _Column] = {}

    def column(self, name: str) -> int | None:
        """Where hits of a namespace that exists are to be counted; None where all are taken."""
        found = self._found(name)
        if found is None:
            self._give_back()
            if not self._free:
                return None
            number = self._free.pop()
            found = _Column(self._namespaces[name], number, self._sum(number))
            self._columns[name] = found
        return found.number

    def count(self, name: str) -> int:
        """How often copies of a namespace's entries have answered."""
        found = self._found(name)
        return 0 if found is None else self._sum(found.number) - found.before

    def _found(self, name: str) -> _Column | None:
        found = self._columns.get(name)
        # One that was dropped and made anew begins with no hits.
        exists = found is not None and found.namespace is self._namespaces.get(name)
        return found if exists else None

    def _give_back(self) -> None:
        gone = [name for name in self._columns if self._found(name) is None]
        self._free += [self._columns.pop(name).number for name in gone]

    def _sum(self, number: int) -> int:
        return sum(row[number] for row in self._rows)
