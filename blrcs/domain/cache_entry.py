"""Entries of the cache, and what happens to them."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

DEFAULT_CONTENT_TYPE = "application/octet-stream"


class CacheEntry(NamedTuple):
    """A value with what is known of it: a tuple, since each read makes one.

    Attributes:
        version: Different after every change, and never the same again in a namespace.
        expire_time_ns: Nanoseconds since the Unix epoch; None for an entry that does not expire.
    """

    key: str
    value: bytes
    content_type: str
    version: int
    expire_time_ns: int | None


class Presence(Enum):
    """What an entry must be before it is set."""

    ANY = "any"
    ABSENT = "absent"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class SetCondition:
    """When an entry may be set; a version stands for itself and outweighs presence."""

    presence: Presence = Presence.ANY
    version: int | None = None


class CacheEventKind(Enum):
    """What happened."""

    STARTED = "started"
    SET = "set"
    DELETED = "deleted"
    EXPIRED = "expired"
    EVICTED = "evicted"
    FLUSHED = "flushed"


@dataclass(frozen=True, slots=True)
class CacheEvent:
    """A change in a namespace; the key is empty where it concerns all entries."""

    kind: CacheEventKind
    key: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """What a namespace holds, and what it has done since the server's start."""

    entries: int
    size_bytes: int
    hits: int
    misses: int
    evictions: int
    expirations: int
    max_entries: int
    max_size_bytes: int
