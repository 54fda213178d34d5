"""Copies of cache entries that another process keeps, by which a worker answers by itself."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, final

from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.space import EntryClock, StoredEntry
from blrcs_native.cache.stamps import CacheStamps

_Shown = TypeVar("_Shown")

@final
class NearCopies(EntryClock, Generic[_Shown]):
    """The copies that a process has, by namespace, within bounds; the least recently used go.

    ``stamp`` is read before the keeper is asked, and ``keep`` given with what it answered. A copy
    is used as long as its stamp is that of its entry still, and its time is not over.

    Args:
        stamps: Those that the keeper bumps.
        hits: Where this process counts what it answers.
        bounds: How many copies a namespace may have here, and of how many bytes together.
        max_namespaces: Beyond, the copies of the namespace that has been here longest are dropped.
        make: Makes what is shown of an entry, of its key, value, content type, version and the
            instant of its end. It is kept with the copy, and made anew where that instant is
            another by a millisecond or more, since the clock was set.
        clock: Nanoseconds since the Unix epoch.
        monotonic: Those by which entries age; the keeper's.

    Attributes:
        good_until_ns: By ``monotonic``, when copies cease to be used, although they are kept; by
            default never. To be set by who hears of changes with a delay, and may be moved at will.
    """

    good_until_ns: int

    def __init__(
        self,
        stamps: CacheStamps,
        hits: CacheHits,
        *,
        bounds: Callable[[str], tuple[int, int]],
        max_namespaces: int,
        make: Callable[[str, bytes, str, int, int | None], _Shown],
        clock: Callable[[], int] = ...,
        monotonic: Callable[[], int] = ...,
    ) -> None: ...
    @property
    def spaces(self) -> dict[str, Any]:
        """The namespaces of which there are copies; always the same dict."""
    def get(self, namespace: str, key: str) -> _Shown | None:
        """What is shown of the entry by a good copy; counts as a use of it, and as a hit."""
    def show(self, key: str, entry: StoredEntry) -> _Shown:
        """What is shown of an entry of which there may be no copy."""
    def stamp(self, namespace: str, key: str) -> int:
        """To be read before the keeper is asked."""
    def keep(
        self, namespace: str, key: str, stamp: int, entry: StoredEntry, column: int | None
    ) -> None:
        """Makes a copy, where that is of use: the entry has not changed meanwhile, and it fits.

        ``column`` is that of the namespace in the counts of hits; where it has none, no copy is
        made.
        """
    def take_used(self) -> dict[str, list[str]]:
        """The keys, by namespace, of copies that have answered since this was last called.

        Some are left out where there are very many.
        """
