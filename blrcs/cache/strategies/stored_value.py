"""What strategies put into a cache: a value with its times, or a mark in its place."""

import struct
from enum import Enum
from typing import NamedTuple

from blrcs.domain.cache_entry import CacheEntry

CONTENT_TYPE = "application/vnd.blrcs.cached"

_HEAD = struct.Struct("<BqqQ")


class Kind(Enum):
    """What stands in the cache for a key."""

    VALUE = 1
    """What was loaded or written."""
    ABSENT = 2
    """There is no value."""
    LOADING = 3
    """Somebody loads it: whoever does may replace this very mark, and nothing that came after."""
    WRITING = 4
    """Somebody changes it: what is loaded meanwhile may be old, and is not kept."""


_KINDS = {kind.value: kind for kind in Kind}


class StoredValue(NamedTuple):
    """An entry of a strategy.

    Attributes:
        kind: What it is.
        value: Empty but for VALUE.
        fresh_until_ns: By the wall clock, until when it is served as it is.
        stale_until_ns: Until when it is served while it is loaded anew.
        duration_ns: How long the load took.
        version: The cache's, of this very entry.
    """

    kind: Kind
    value: bytes = b""
    fresh_until_ns: int = 0
    stale_until_ns: int = 0
    duration_ns: int = 0
    version: int = 0

    @property
    def answer(self) -> bytes | None:
        """What a read gives of it."""
        return self.value if self.kind is Kind.VALUE else None

    def is_served(self, now_ns: int) -> bool:
        """Whether a read may give it."""
        return now_ns < self.stale_until_ns

    def is_fresh(self, now_ns: int) -> bool:
        """Whether it need not be loaded anew."""
        return now_ns < self.fresh_until_ns

    def encode(self) -> bytes:
        """As the cache keeps it."""
        head = _HEAD.pack(
            self.kind.value, self.fresh_until_ns, self.stale_until_ns, self.duration_ns
        )
        return head + self.value


def decode(entry: CacheEntry) -> StoredValue:
    """What an entry says. One that no strategy wrote counts as a mark that may be replaced."""
    if entry.content_type == CONTENT_TYPE and len(entry.value) >= _HEAD.size:
        number, fresh_until_ns, stale_until_ns, duration_ns = _HEAD.unpack_from(entry.value)
        kind, value = _KINDS.get(number), entry.value[_HEAD.size :]
        if kind is not None:
            return StoredValue(
                kind, value, fresh_until_ns, stale_until_ns, duration_ns, entry.version
            )
    return StoredValue(Kind.LOADING, version=entry.version)
