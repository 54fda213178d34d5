"""Records: JSON documents in collections."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from blrcs.domain.etag import render_etag
from blrcs.domain.field_path import Document
from blrcs.domain.record_name import RecordKey

Sealed = Mapping[str, bytes]
"""Encrypted values, by their paths within the data."""


MAX_BATCH_BYTES = 7 << 19
"""What a batch leaves is its reply, and clients take messages of 4 MiB."""
SEALED_GROWTH = 6
"""A list of numbers takes as many times the room of its text where it is shown, at most."""


class RecordImage(NamedTuple):
    """A record as it is shown. A tuple, since every read makes one.

    Attributes:
        encoded: As presentation encoded it when it was written, but for what is sealed.
        sealed: What is to be opened before it is shown.
    """

    key: RecordKey
    encoded: bytes
    sealed: Sealed | None = None

    @property
    def size_bytes(self) -> int:
        """As many as it may have where it is shown."""
        return _shown_bytes(self.encoded, self.sealed)


def _shown_bytes(encoded: bytes, sealed: Sealed | None) -> int:
    sealed_bytes = sum(map(len, sealed.values())) if sealed else 0
    return len(encoded) + SEALED_GROWTH * sealed_bytes


@dataclass(slots=True, kw_only=True)
class Record:
    """A record as stored, not to be changed. Times are nanoseconds since the Unix epoch.

    It is not frozen: that takes five times as long to make, and every write makes one.

    Attributes:
        data: What is not sealed of its data.
        sealed: The rest.
        encoded: See RecordImage.
        revision: Counts changes, from 1.
        expire_time_ns: From when on it is gone; None for never.
    """

    key: RecordKey
    data: Document = field(repr=False)
    sealed: Sealed | None = None
    encoded: bytes = field(repr=False, default=b"")
    create_time_ns: int
    update_time_ns: int
    revision: int = 1
    expire_time_ns: int | None = None

    @property
    def name(self) -> str:
        """``tenants/{tenant}/collections/{collection}/records/{record}``."""
        return self.key.name

    @property
    def etag(self) -> str:
        """Different after every change."""
        return render_etag(self.create_time_ns, self.revision)

    @property
    def image(self) -> RecordImage:
        """As it is shown."""
        return RecordImage(self.key, self.encoded, self.sealed)

    @property
    def size_bytes(self) -> int:
        """Likewise, as many as it may have."""
        return _shown_bytes(self.encoded, self.sealed)

    def is_expired(self, now_ns: int) -> bool:
        """Whether it is gone, though it may still be stored."""
        return self.expire_time_ns is not None and self.expire_time_ns <= now_ns


class ChangeKind(Enum):
    """What became of a record. The values are stored."""

    CREATED = 1
    UPDATED = 2
    DELETED = 3
    EXPIRED = 4


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A change of a record.

    Attributes:
        sequence: Its number among the changes of the collection, without gaps, from 1 on.
        image: The record after it; None where it is gone.
    """

    sequence: int
    kind: ChangeKind
    key: RecordKey
    time_ns: int
    image: RecordImage | None
