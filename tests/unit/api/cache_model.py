"""A cache namespace in plain Python: what a client of CacheService may see of it."""

from collections import OrderedDict
from dataclasses import dataclass, field

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


@dataclass
class Entry:
    value: bytes
    content_type: str
    version: int
    deadline_ns: int | None
    size_bytes: int


@dataclass
class NamespaceModel:
    """Entries in the order of their use.

    ``events`` are those to be told, but EXPIRED: that is told when it is noticed. ``unnoticed`` has
    the expired entries of which it may still be told.
    """

    max_entries: int
    max_bytes: int
    default_ttl_ns: int
    now_ns: int = 0
    exists: bool = False
    entries: OrderedDict[str, Entry] = field(default_factory=OrderedDict)
    unnoticed: set[tuple[str, int]] = field(default_factory=set)
    events: list[tuple[str, str, int]] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    hits: int = 0
    misses: int = 0
    evictions: int = 0

    @property
    def size_bytes(self):
        return sum(entry.size_bytes for entry in self.entries.values())

    def advance(self, now_ns):
        self.now_ns = now_ns
        for key, entry in list(self.entries.items()):
            if entry.deadline_ns is not None and entry.deadline_ns <= now_ns:
                del self.entries[key]
                self.unnoticed.add((key, entry.version))

    def deadline_ns(self, ttl_ns):
        ttl_ns = self.default_ttl_ns if ttl_ns is None else ttl_ns
        return self.now_ns + ttl_ns if ttl_ns else None

    def get(self, key):
        entry = self.entries.get(key)
        if self.exists:
            self.hits += entry is not None
            self.misses += entry is None
        if entry is not None:
            self.entries.move_to_end(key)
        return entry

    def refusal(self, key, size_bytes, condition):
        """Why it may not be set: a pair of code and reason, or None."""
        if size_bytes > self.max_bytes:
            return ("RESOURCE_EXHAUSTED", "CACHE_ENTRY_TOO_LARGE")
        entry = self.entries.get(key)
        match condition:
            case {"if_absent": True} if entry is not None:
                return ("FAILED_PRECONDITION", "CACHE_ENTRY_EXISTS")
            case {"if_present": True} if entry is None:
                return ("FAILED_PRECONDITION", "CACHE_ENTRY_MISSING")
            case {"if_version": version} if entry is None or entry.version != version:
                return ("FAILED_PRECONDITION", "CACHE_VERSION_MISMATCH")
        return None

    def set(self, key, value, content_type, deadline_ns, version):
        """Takes over the version that the cache gave."""
        assert version not in self.versions, "a version came back"
        assert not self.versions or version > self.versions[-1]
        self.versions.append(version)
        self.exists = True
        size_bytes = len(key.encode()) + len(value) + len(content_type.encode())
        self.entries[key] = Entry(value, content_type, version, deadline_ns, size_bytes)
        self.entries.move_to_end(key)
        while len(self.entries) > self.max_entries or self.size_bytes > self.max_bytes:
            evicted, entry = self.entries.popitem(last=False)
            self.evictions += 1
            self.events.append(("EVICTED", evicted, entry.version))
        self.events.append(("SET", key, version))

    def delete(self, key):
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.events.append(("DELETED", key, entry.version))
        return entry is not None

    def touch(self, key, ttl_ns):
        entry = self.entries.get(key)
        if entry is not None:
            entry.deadline_ns = self.deadline_ns(ttl_ns)
            self.entries.move_to_end(key)
        return entry

    def flush(self):
        """The least and the most that may be said to have been dropped."""
        least, most = len(self.entries), len(self.entries) + len(self.unnoticed)
        self.entries.clear()
        self.unnoticed.clear()
        if self.exists:
            self.events.append(("FLUSHED", "", 0))
        return least, most


def number_in(entry):
    """The number that an entry holds; None if it holds none."""
    try:
        digits = entry.value.decode("ascii")
    except UnicodeDecodeError:
        return None
    if not digits.removeprefix("-").isdigit():
        return None
    return int(digits) if INT64_MIN <= int(digits) <= INT64_MAX else None
