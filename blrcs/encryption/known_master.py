"""What a database knows of the master key that its keys are wrapped by."""

from contextlib import suppress
from dataclasses import dataclass

import orjson

from blrcs.database.adapter import Reads, Transaction
from blrcs.database.repositories.settings import stored
from blrcs.encryption.master_key import (
    MasterKeyError,
    MasterKeys,
    MissingMasterKeyError,
    altered,
)
from blrcs.encryption.place import place

CHECK = "encryption_check"
OLD_KEY_ID = "encryption_key_id"
"""Under which earlier versions kept the id of the key in their file."""
CHECK_PLACE = place("master key check")
CHECKED = b"blrcs encrypts with this key.\0\0\0"


@dataclass(frozen=True, slots=True)
class KnownMaster:
    """As it is stored; empty where no key was ever wrapped.

    Attributes:
        check: The id of the key, and what it has wrapped to be known by; see ``check_value``.
        old_id: Of the key of an earlier version.
    """

    check: bytes | None = None
    old_id: bytes = b""


async def read_known(database: Reads | Transaction) -> KnownMaster:
    """What is known now."""
    check = await stored(database, CHECK)
    if check is not None:
        return KnownMaster(check)
    return KnownMaster(old_id=await stored(database, OLD_KEY_ID) or b"")


async def require_known(masters: MasterKeys, known: KnownMaster) -> None:
    """Raises MasterKeyError unless the master key is the one that the database knows.

    Where it knows none, any will do that can be used, or that the server makes itself when it needs
    the first: what is found to be wrong only then would fail callers.
    """
    if known.check is not None:
        await require_checked(masters, *checked_in(known.check))
    elif known.old_id:
        await masters.require(known.old_id.hex())
    else:
        with suppress(MissingMasterKeyError):
            await masters.id()


async def require_checked(masters: MasterKeys, master_id: str, wrapped: bytes) -> None:
    """Raises MasterKeyError unless a key of that id has wrapped what it is known by."""
    if await masters.unwrap(master_id, CHECK_PLACE, wrapped) != CHECKED:
        raise MasterKeyError(
            f"{masters.description}: is not the key that fields in the database are encrypted with"
        )


def check_value(key_id: str, wrapped: bytes) -> bytes:
    """What is kept to know a master key by."""
    return orjson.dumps({"id": key_id, "wrapped": wrapped.hex()})


def checked_in(value: bytes) -> tuple[str, bytes]:
    """What ``check_value`` was made of."""
    try:
        found = orjson.loads(value)
        return str(found["id"]), bytes.fromhex(found["wrapped"])
    except (ValueError, LookupError, TypeError):
        raise altered("what the master key is known by") from None
