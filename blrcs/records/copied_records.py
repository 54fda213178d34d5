"""Reads of records that are answered from copies where there are good ones."""

from typing import Protocol

from blrcs.application.ports.records import RecordReader, StoredImage
from blrcs.domain.consistency import consistency
from blrcs.domain.record import RecordImage
from blrcs.domain.record_name import RecordKey
from blrcs.records.change_follower import ChangeFollower
from blrcs_native.records.copies import RecordCopies


class CommittedRecords(Protocol):
    """Records as they are committed, never those of a replica."""

    async def committed(self, key: RecordKey) -> StoredImage | None:
        """The record, if it is stored; it may have expired."""
        ...


class CopiedRecords:
    """Implements the RecordReader port.

    Whoever changes records says so to the copies before it is acknowledged; what others change, the
    follower finds out.

    Args:
        copies: Of this process.
        follower: Of the same copies.
        committed: What copies are made of.
        others: Reads for calls that say how new what they see has to be.
    """

    def __init__(
        self,
        *,
        copies: RecordCopies,
        follower: ChangeFollower,
        committed: CommittedRecords,
        others: RecordReader,
    ) -> None:
        self._copies = copies
        self._follower = follower
        self._committed = committed
        self._others = others

    async def get(self, key: RecordKey, *, now_ns: int) -> RecordImage | None:
        """See the port."""
        seen = consistency.get()
        if seen is not None and seen.tokens:
            return await self._others.get(key, now_ns=now_ns)
        name, parent = key.name, key.parent
        copy = self._copies.find(name)
        if copy is not None:
            return RecordImage(key, copy.encoded, copy.sealed)
        if not await self._follower.follow(parent):
            return None
        # Nothing is waited for in between: the collection is followed as long as the stamp stands.
        stamp = self._copies.stamp(parent.name, name)
        stored = await self._committed.committed(key)
        if stored is None:
            return None
        image, expire_time_ns = stored
        if expire_time_ns is not None and expire_time_ns <= now_ns:
            return None
        sealed = None if image.sealed is None else dict(image.sealed)
        self._copies.keep(parent.name, name, stamp, image.encoded, sealed, expire_time_ns)
        return image
