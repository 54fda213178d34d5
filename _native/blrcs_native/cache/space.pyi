"""A cache namespace in memory: what a look-up and a write need of it, in C."""

from collections.abc import Callable
from typing import final

from blrcs_native.cache.caches import TtlCache

@final
class StoredEntry:
    """What the cache of a namespace holds for a key."""

    version: int
    """0 until it was put."""

    deadline_ns: int | None
    """When it expires, by the monotonic clock of its namespace; None where it never does."""

    def __init__(self, key: str, value: bytes, content_type: str, deadline: int | None) -> None: ...
    @property
    def value(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...
    @property
    def size_bytes(self) -> int:
        """Of key, value and content type."""

class EntryClock:
    """Tells the times of entries.

    ``clock`` gives nanoseconds since the Unix epoch, ``monotonic`` those by which entries age.
    """

    def __init__(
        self, clock: Callable[[], int] = ..., monotonic: Callable[[], int] = ...
    ) -> None: ...
    def expire_time_ns(self, entry: StoredEntry) -> int | None:
        """When an entry expires, by ``clock``; None where it never does."""

class CacheSpace(EntryClock):
    """The entries of a namespace, with what is the same for all of them.

    A ``default_ttl_ns`` of 0 keeps entries for ever; versions count on from ``first_version``.
    """

    def __init__(
        self,
        entries: TtlCache[str, StoredEntry],
        *,
        default_ttl_ns: int,
        max_bytes: int,
        first_version: int,
        clock: Callable[[], int] = ...,
        monotonic: Callable[[], int] = ...,
    ) -> None: ...
    def use(self, keys: list[str]) -> None:
        """Counts as uses of those that are there, in this order; but neither hit nor miss."""
    @property
    def entries(self) -> TtlCache[str, StoredEntry]: ...
    @property
    def default_ttl_ns(self) -> int: ...
    @property
    def max_bytes(self) -> int: ...
    @property
    def first_version(self) -> int: ...
