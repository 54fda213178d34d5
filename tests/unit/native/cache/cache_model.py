"""The caches in plain Python: the same answers, order, counts and reclaiming, at any cost."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

CONFLICT = 0
TOO_LARGE = -1
NEVER_NS = 2**63 - 1
DEAD_PER_WRITE = 2

Eviction = tuple[object, object, str]


class Condition(Enum):
    """What a write asks of the key."""

    ALWAYS = auto()
    IF_ABSENT = auto()
    IF_PRESENT = auto()
    IF_VERSION = auto()


@dataclass
class ModelEntry:
    """What the model holds for a key."""

    value: object
    version: int
    size_bytes: int
    generation: int
    deadline_ns: int | None = None


@dataclass
class CacheModel:
    """An LruCache where `ttl_ns` is None, else a TtlCache. `evicted` lists what was reported."""

    max_entries: int
    max_bytes: int | None = None
    ttl_ns: int | None = None
    clock: Callable[[], int] = lambda: 0
    evicted: list[Eviction] = field(default_factory=list)
    generation: int = 0
    last_version: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            (
                "hits",
                "misses",
                "inserts",
                "updates",
                "deletes",
                "evictions",
                "expirations",
                "invalidations",
                "refusals",
            ),
            0,
        )
    )
    entries: OrderedDict[object, ModelEntry] = field(default_factory=OrderedDict)
    queues: dict[int, list[object]] = field(default_factory=dict)

    @property
    def used_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self.entries.values())

    def live_keys(self) -> list[object]:
        return [key for key, entry in self.entries.items() if not self._death(entry)]

    def find(self, key: object) -> ModelEntry | None:
        """The live entry of `key`; a dead one is dropped."""
        entry = self.entries.get(key)
        if entry is not None and self._death(entry):
            self._drop(key)
            return None
        return entry

    def get(self, key: object) -> ModelEntry | None:
        entry = self.find(key)
        self.counts["misses" if entry is None else "hits"] += 1
        if entry is not None:
            self.entries.move_to_end(key)
        return entry

    def peek(self, key: object) -> ModelEntry | None:
        entry = self.entries.get(key)
        return None if entry is None or self._death(entry) else entry

    def put(
        self,
        condition: Condition,
        key: object,
        value: object,
        *,
        size_bytes: int = 0,
        ttl_ns: int | None = None,
        version: int = 0,
    ) -> int:
        if self.max_bytes is not None and size_bytes > self.max_bytes:
            self.counts["refusals"] += 1
            return TOO_LARGE
        entry = self.find(key)
        wanted = {
            Condition.ALWAYS: True,
            Condition.IF_ABSENT: entry is None,
            Condition.IF_PRESENT: entry is not None,
            Condition.IF_VERSION: entry is not None and entry.version == version,
        }
        if not wanted[condition]:
            return CONFLICT
        self.counts["inserts" if entry is None else "updates"] += 1
        self.last_version += 1
        stored = self.last_version
        self.entries[key] = ModelEntry(value, stored, size_bytes, self.generation)
        self.entries.move_to_end(key)
        self._start_ttl(key, ttl_ns)
        self._settle()
        return stored

    def touch(self, key: object, ttl_ns: int | None) -> bool:
        if self.find(key) is None:
            return False
        self._start_ttl(key, ttl_ns)
        self.entries.move_to_end(key)
        return True

    def pop(self, key: object) -> ModelEntry | None:
        entry = self.find(key)
        if entry is not None:
            self.counts["deletes"] += 1
            self._remove(key)
        return entry

    def clear(self) -> None:
        self.entries.clear()
        self.queues.clear()

    def invalidate(self) -> int:
        self.generation += 1
        return self.generation

    def reclaim(self, limit: int) -> int:
        for dropped in range(limit):
            key = self._first_dead()
            if key is None:
                return dropped
            self._drop(key[0])
        return max(limit, 0)

    def _death(self, entry: ModelEntry) -> str | None:
        if entry.generation < self.generation:
            return "invalidated"
        if entry.deadline_ns is not None and entry.deadline_ns <= self.clock():
            return "expired"
        return None

    def _start_ttl(self, key: object, ttl_ns: int | None) -> None:
        if self.ttl_ns is None:
            return
        self._leave_queue(key)
        ttl_ns = ttl_ns or self.ttl_ns
        deadline_ns = self.clock() + ttl_ns
        never = ttl_ns == NEVER_NS or deadline_ns >= NEVER_NS
        self.entries[key].deadline_ns = None if never else deadline_ns
        if not never:
            self.queues.setdefault(ttl_ns.bit_length(), []).append(key)

    def _leave_queue(self, key: object) -> None:
        for queue in self.queues.values():
            if key in queue:
                queue.remove(key)

    def _first_dead(self) -> tuple[object] | None:
        for key, entry in self.entries.items():
            if entry.generation < self.generation:
                return (key,)
        for bits in sorted(self.queues):
            if self.queues[bits] and self._death(self.entries[self.queues[bits][0]]):
                return (self.queues[bits][0],)
        return None

    def _settle(self) -> None:
        dead_left = DEAD_PER_WRITE
        while True:
            over = len(self.entries) > self.max_entries or (
                self.max_bytes is not None and self.used_bytes > self.max_bytes
            )
            key = self._first_dead()
            if not over and (key is None or dead_left <= 0):
                return
            self._drop(key[0] if key else next(iter(self.entries)))
            dead_left -= 1

    def _drop(self, key: object) -> None:
        entry = self.entries[key]
        reason = self._death(entry) or "capacity"
        names = {
            "capacity": "evictions",
            "expired": "expirations",
            "invalidated": "invalidations",
        }
        self.counts[names[reason]] += 1
        self._remove(key)
        self.evicted.append((key, entry.value, reason))

    def _remove(self, key: object) -> None:
        self._leave_queue(key)
        del self.entries[key]
