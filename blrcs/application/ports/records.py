"""Storage of collections, records and their changes, as use cases see it.

Every method is one atomic step, and durable when it returns. Functions that are handed in run
inside the step, on another thread and maybe several times, and may raise a DomainError, which
undoes it; they must be pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from blrcs.domain.collection import Collection
from blrcs.domain.field_path import Document, Path
from blrcs.domain.filter.evaluation import Subject
from blrcs.domain.filter.expression import Filter
from blrcs.domain.order_by import OrderBy, Position
from blrcs.domain.record import Record, RecordChange, RecordImage
from blrcs.domain.record_name import CollectionKey, RecordKey


class CollectionRepository(Protocol):
    """Collections, by the ids in their names."""

    async def get(self, key: CollectionKey) -> Collection | None:
        """The collection, if there is one."""
        ...

    async def list_after(self, tenant: str, collection_id: str, limit: int) -> Sequence[Collection]:
        """A tenant's collections in the order of their ids, from the first above one."""
        ...

    async def add(self, collection: Collection) -> None:
        """Adds a collection; AlreadyExistsError if the id is taken."""
        ...

    async def update(
        self, key: CollectionKey, change: Callable[[Collection], Collection]
    ) -> Collection:
        """Changes a collection; NotFoundError if there is none."""
        ...

    async def delete(self, key: CollectionKey, *, etag: str, force: bool, now_ns: int) -> None:
        """Deletes a collection with its records and changes.

        Raises NotFoundError, AbortedError by the etag, or FailedPreconditionError where it has
        records and ``force`` is not set.
        """
        ...


class CollectionChangedError(Exception):
    """The collection is not the one any more that a write was planned for."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records, and in which order."""

    filter_: Filter
    order_by: OrderBy


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """A record of a list, and what tells where it is in the list's order."""

    image: RecordImage
    subject: Callable[[], Subject]


Decide = Callable[[Record | None], Record | None]


class PlannedWrite(NamedTuple):
    """What shall become of one record.

    Attributes:
        decide: Gets the record, None where there is none, and returns what it shall be: None for
            one that shall not be, the same object for one that shall stay as it is.
        created: What it returns where there is none, if that is known already.
    """

    record_id: str
    decide: Decide
    created: Record | None = None


class PlainRecords(NamedTuple):
    """Records that are created at one moment, with nothing of them sealed or indexed.

    Attributes:
        ids: Of each.
        texts: Their data as JSON.
        images: As they are shown.
        time_ns: When they are created.
        expire_time_ns: From when on all of them are gone; None for never.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    images: Sequence[bytes]
    time_ns: int
    expire_time_ns: int | None


class StoredImage(NamedTuple):
    """A record as it is shown, and from when on it is gone; None for never."""

    image: RecordImage
    expire_time_ns: int | None


class RecordReader(Protocol):
    """Single records, by the ids in their names."""

    async def get(self, key: RecordKey, *, now_ns: int) -> RecordImage | None:
        """The record, if there is one that has not expired."""
        ...


class StoredSize(NamedTuple):
    """How large a record is, in bytes: what is shown in any case, and all that is read of it."""

    shown: int
    read: int


class RecordRepository(RecordReader, Protocol):
    """Records, by the ids in their names. One that has expired is not there any more."""

    async def get_many(
        self, parent: CollectionKey, record_ids: Sequence[str], *, now_ns: int
    ) -> Sequence[RecordImage]:
        """Those of the records that there are, in no particular order."""
        ...

    async def sizes(
        self, parent: CollectionKey, record_ids: Sequence[str]
    ) -> Mapping[str, StoredSize]:
        """Those of the records that there are."""
        ...

    async def write(
        self, collection: Collection, writes: Sequence[PlannedWrite], *, now_ns: int
    ) -> Sequence[Record | None]:
        """Carries out all writes or none, and returns what the records are from then on.

        Each write concerns another record. What changes is told to the collection's feed.

        Raises:
            CollectionChangedError: The stored collection is another, or of another revision.
            NotFoundError: There is no such collection.
        """
        ...

    async def create_plain(self, collection: Collection, created: PlainRecords) -> bool:
        """Creates records of different ids, all or none; False where one is there already.

        Changes are told, and errors raised, as ``write`` does.
        """
        ...

    async def page(
        self,
        collection: Collection,
        selection: Selection,
        *,
        position: Position | None,
        limit: int,
        now_ns: int,
    ) -> Sequence[ListedRecord]:
        """Records in their order, from the first behind a position."""
        ...

    async def count(self, collection: Collection, filter_: Filter, *, now_ns: int) -> int:
        """How many there are."""
        ...

    async def purge_expired(self, *, now_ns: int) -> Sequence[CollectionKey]:
        """Drops a bounded number of records that have expired; the collections that had some."""
        ...


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """Which changes of a collection are known.

    Attributes:
        incarnation: Tells the collection from its namesakes before and after it.
        sequence: The number of the last change.
        purged: The number of the last change that is kept no more.
    """

    incarnation: int
    sequence: int
    purged: int


class ChangeFeed(Protocol):
    """The changes of collections, in the order in which they were committed.

    Whoever sees a change has seen, or can see, all that come before it.
    """

    async def position(self, key: CollectionKey) -> FeedPosition:
        """Where the feed is; NotFoundError where there is no such collection."""
        ...

    async def after(self, key: CollectionKey, sequence: int, limit: int) -> Sequence[RecordChange]:
        """Changes after one, as far as they are kept; fewer than ``limit`` where they are large.

        One of which it is not known any more what it has left is missing among them.
        """
        ...

    async def purge(self, *, older_than_ns: int, max_kept: int) -> None:
        """Drops changes that are too old, and the oldest of a collection that has too many."""
        ...

    async def purge_surplus(self, *, max_kept: int) -> None:
        """Drops the oldest changes of collections that have a tenth too many, or more.

        It costs little where there are none, and may be called often.
        """
        ...


class ChangeWaker(Protocol):
    """Lets one watcher sleep until there may be something new."""

    def reset(self) -> None:
        """From here on it is noted that something has changed.

        Raises:
            UnavailableError: The server is to stop.
        """
        ...

    async def wait(self) -> None:
        """Returns when something may have changed since ``reset``, or might have unnoticed.

        Raises:
            UnavailableError: The server is to stop.
        """
        ...


class ChangeSignal(Protocol):
    """Tells here and in other processes that a collection's records have changed."""

    def tell(self, key: CollectionKey, record_ids: Iterable[str] | None = None) -> None:
        """Something has been committed: to be called before anybody is answered.

        Args:
            key: The collection's.
            record_ids: What readers find changed; None for whatever there is.
        """
        ...

    def watching(self, key: CollectionKey) -> AbstractContextManager[ChangeWaker]:
        """What wakes a watcher for the length of a block.

        Raises:
            ResourceExhaustedError: There are too many.
            UnavailableError: The server is to stop.
        """
        ...


class RecordImages(Protocol):
    """Encodes records as they are shown."""

    def encode(self, data: Document) -> bytes:
        """Data by themselves."""
        ...

    def image(
        self,
        name: str,
        data: bytes,
        *,
        etag: str,
        create_time_ns: int,
        update_time_ns: int,
        expire_time_ns: int | None,
    ) -> bytes:
        """A record with data that are encoded."""
        ...

    def images(
        self,
        names: list[str],
        data: list[bytes],
        *,
        etag: str,
        time_ns: int,
        expire_time_ns: int | None,
    ) -> list[bytes]:
        """The same of records that are created at one moment."""
        ...


class DocumentSchema(Protocol):
    """What documents have to meet."""

    def check(self, document: Document, *, field: str, secrets: Sequence[Path] = ()) -> None:
        """Raises InvalidArgumentError that says where, but never what, the data are.

        Of what lies at ``secrets`` it does not even tell the names of members.
        """
        ...


class DocumentSchemas(Protocol):
    """Makes schemas of their texts."""

    def compile(self, text: str) -> DocumentSchema:
        """The schema; InvalidArgumentError where the text is none, or one that is refused."""
        ...

    def stored(self, text: str) -> DocumentSchema:
        """The schema of a text that was accepted once.

        Bounds may have become tighter since: of one beyond them every check raises
        FailedPreconditionError, so that only what it would judge is refused.
        """
        ...
