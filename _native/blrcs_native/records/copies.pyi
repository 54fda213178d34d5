"""Copies of records that a process has read, by which it answers by itself."""

from collections.abc import Callable, Iterable
from typing import final

from blrcs_native.cache.stamps import CacheStamps

@final
class RecordCopy:
    """A record as it was read; ``sealed`` is what is to be opened before it is shown, or None."""

    @property
    def encoded(self) -> bytes: ...
    @property
    def sealed(self) -> dict[str, bytes] | None: ...

@final
class RecordCopies:
    """Those used least recently make room.

    A copy is good as long as three things hold: its stamp has not moved since before it was read,
    so that no process of the server has acknowledged a change of it; it has not expired; and
    ``good_until_ns``, by ``monotonic``, lies ahead. Whoever looks for what others change moves that
    on when it has looked, and calls ``changed`` before that.

    Args:
        stamps: Those of all processes of the server.
        max_bytes: How much the copies may take.
        clock: Wall-clock nanoseconds, by which records expire.
        monotonic: Nanoseconds.
    """

    good_until_ns: int
    """None is good from then on; 0 at first."""

    def __init__(
        self,
        stamps: CacheStamps,
        *,
        max_bytes: int,
        clock: Callable[[], int] = ...,
        monotonic: Callable[[], int] = ...,
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def used_bytes(self) -> int: ...
    def find(self, name: str) -> RecordCopy | None:
        """The copy of a record, where it is good."""
    def stamp(self, collection: str, name: str) -> int:
        """What grows with each change of a record: to be read before the record is."""
    def keep(
        self,
        collection: str,
        name: str,
        stamp: int,
        encoded: bytes,
        sealed: dict[str, bytes] | None,
        expire_time_ns: int | None,
    ) -> None:
        """Keeps what was read after ``stamp``, unless it has moved since."""
    def changed(self, collection: str, names: Iterable[str]) -> None:
        """Records have changed: no process has a good copy of them any more."""
    def all_changed(self, collection: str) -> None:
        """All records of a collection may have."""
