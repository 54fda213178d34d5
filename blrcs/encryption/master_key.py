"""The port of the key that all others are wrapped by."""

from collections.abc import Sequence
from typing import Protocol


class MasterKeyError(Exception):
    """The master key is missing, is another one, or cannot be used.

    Its text is one line for a terminal, and says nothing of the key.
    """


class MissingMasterKeyError(MasterKeyError):
    """There is none, at a place where the server makes the first one when it needs it."""


def altered(what: str) -> MasterKeyError:
    """Somebody has written to the database what the program does not."""
    return MasterKeyError(f"{what} was altered in the database")


class MasterKey(Protocol):
    """Wraps and unwraps keys; what wraps them never leaves it, or is in memory alone.

    Each method raises:
        MasterKeyError: The key is missing or cannot be used. Nothing has been done.
        UnavailableError: What keeps it does not answer now.
    """

    @property
    def description(self) -> str:
        """Where it is, for messages: never anything secret."""
        ...

    async def prepare(self) -> None:
        """Makes the key where there is none, if this is a place where the server makes keys."""
        ...

    async def id(self) -> str:
        """What tells it from all other keys: at most 128 characters, for ever the same."""
        ...

    async def wrap(self, place: bytes, key: bytes) -> bytes:
        """A key of 32 bytes, encrypted, and bound to a place."""
        ...

    async def unwrap(self, place: bytes, wrapped: bytes) -> bytes:
        """What was wrapped; MasterKeyError where it was altered or belongs to another place."""
        ...

    async def close(self) -> None:
        """Lets go of what it holds. A second call does nothing."""
        ...


class MasterKeys:
    """The key that wraps, and older ones that still unwrap."""

    def __init__(self, present: MasterKey, older: Sequence[MasterKey] = ()) -> None:
        self._present = present
        self._all = (present, *older)

    @property
    def description(self) -> str:
        """Where the present one is."""
        return self._present.description

    async def prepare(self) -> None:
        """See MasterKey."""
        await self._present.prepare()

    async def id(self) -> str:
        """Of the present one."""
        return await self._present.id()

    async def require(self, key_id: str) -> MasterKey:
        """The one with the id; MasterKeyError where there is none."""
        first: MasterKeyError | None = None
        for each in self._all:
            try:
                if await each.id() == key_id:
                    return each
            except MasterKeyError as error:
                first = first or error
        raise first or MasterKeyError(
            f"{self.description}: is not the key that fields in the database are encrypted with"
        )

    async def wrap(self, place: bytes, key: bytes) -> tuple[str, bytes]:
        """The id of the present one, and the key wrapped by it."""
        return await self._present.id(), await self._present.wrap(place, key)

    async def unwrap(self, key_id: str, place: bytes, wrapped: bytes) -> bytes:
        """What the one with the id has wrapped; MasterKeyError where there is none."""
        return await (await self.require(key_id)).unwrap(place, wrapped)

    async def close(self) -> None:
        """Closes all."""
        for each in self._all:
            await each.close()
