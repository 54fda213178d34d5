"""What a line of an input is read as."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from blrcs.domain.record_name import is_record_id
from blrcs.transfer.lines import Line
from blrcs.transfer.struct_bytes import encode_struct

DIGEST_BYTES = 16

MakeId = Callable[[Line], str]
"""The id of a record whose line has none: the same one whenever the same line is read."""


class Entry(NamedTuple):
    """A line that is a record. A tuple, since files have many.

    ``data`` is its document as an encoded google.protobuf.Struct, and ``expire_time`` an encoded
    google.protobuf.Timestamp, or empty.
    """

    line: Line
    record_id: str
    data: bytes
    expire_time: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that is none, or that the server refuses, and why."""

    line: Line
    reason: str


Read = Callable[[Iterator[Line]], Iterator[Entry | Reject]]
"""Reads lines as the input's format says."""


class BadLineError(Exception):
    """Says of a line what is wrong with it."""


def ids_of(seed: bytes) -> MakeId:
    """Ids made of a line's number and content.

    Args:
        seed: What tells the file from others that have the same line.
    """

    def make(line: Line) -> str:
        digest = hashlib.blake2b(line.raw, digest_size=DIGEST_BYTES, key=seed)
        digest.update(line.number.to_bytes(8, "big"))
        return digest.hexdigest()

    return make


class EntryMaker:
    """Makes entries of what the formats have read.

    Args:
        make_id: For lines without one.
    """

    def __init__(self, make_id: MakeId) -> None:
        self._make_id = make_id

    def __call__(self, line: Line, record_id: Any, document: Any, expire_time: Any) -> Entry:
        """The entry.

        Args:
            line: Where it was read.
            record_id: None where there is none.
            document: The record's data.
            expire_time: As RFC 3339 writes it, or None.

        Raises:
            BadLineError: It cannot be a record.
        """
        if not isinstance(document, dict):
            raise BadLineError("its data are not a JSON object")
        try:
            data = encode_struct(document)
        except ValueError as error:
            raise BadLineError(str(error)) from None
        return Entry(line, self._id(line, record_id), data, _timestamp(expire_time))

    def _id(self, line: Line, given: Any) -> str:
        if given is None:
            return self._make_id(line)
        if isinstance(given, int) and not isinstance(given, bool):
            return str(given)
        if not isinstance(given, str):
            raise BadLineError("its id is neither a text nor a whole number")
        if not is_record_id(given):
            raise BadLineError(
                "its id is not one of 1 to 128 letters, digits, '.', '_', '~' and '-',"
                " the first a letter or a digit"
            )
        return given


def _timestamp(text: Any) -> bytes:
    if text is None:
        return b""
    from google.protobuf.timestamp_pb2 import Timestamp  # noqa: PLC0415 - see the package

    instant = Timestamp()
    try:
        instant.FromJsonString(text if isinstance(text, str) else "")
    except ValueError:
        raise BadLineError("its expire_time is not an instant as RFC 3339 writes it") from None
    encoded: bytes = instant.SerializeToString()
    return encoded
