"""JSON documents as encoded google.protobuf.Struct, without a message in between.

A message made value by value takes several times as long as the server then needs to read it. Tags
are those of google/protobuf/struct.proto, in protobuf's encoding.
"""

from collections.abc import Mapping
from struct import Struct as Packing
from typing import Any

from blrcs.domain.filter.document import MAX_DEPTH

BYTE_BITS = 7
BYTE_MAX = 0x7F
_DOUBLE = Packing("<Bd").pack
_NULL = b"\x08\x00"
_TRUE = b"\x20\x01"
_FALSE = b"\x20\x00"
_NUMBER_TAG = 0x11
_TOO_DEEP = f"has more than {MAX_DEPTH} objects and lists within each other"
_LENGTHS = [bytes([size]) for size in range(BYTE_MAX + 1)]


def varint(number: int) -> bytes:
    """A number that is not negative."""
    if number <= BYTE_MAX:
        return _LENGTHS[number]
    encoded = bytearray()
    while number > BYTE_MAX:
        encoded.append(number & BYTE_MAX | BYTE_MAX + 1)
        number >>= BYTE_BITS
    encoded.append(number)
    return bytes(encoded)


def delimited(tag: bytes, encoded: bytes) -> bytes:
    """A field that holds bytes, a text or a message."""
    return tag + varint(len(encoded)) + encoded


def encode_struct(document: Mapping[str, Any], depth: int = 1) -> bytes:
    """The document's members.

    Raises:
        ValueError: It has a whole number that 64 bits of floating point do not hold, or is too
            deep.
    """
    if depth > MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    members = []
    for name, value in document.items():
        key = name.encode()
        encoded = _value(value, depth)
        members.append(
            delimited(
                b"\x0a",
                b"\x0a" + varint(len(key)) + key + b"\x12" + varint(len(encoded)) + encoded,
            )
        )
    return b"".join(members)


def _value(value: Any, depth: int) -> bytes:
    kind = type(value)
    if kind is str:
        return delimited(b"\x1a", value.encode())
    if kind is float:
        return _DOUBLE(_NUMBER_TAG, value)
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is int:
        return _whole(value)
    if value is None:
        return _NULL
    return _list(value, depth + 1) if kind is list else _struct(value, depth + 1)


def _struct(value: Mapping[str, Any], depth: int) -> bytes:
    return delimited(b"\x2a", encode_struct(value, depth))


def _list(values: list[Any], depth: int) -> bytes:
    if depth > MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    items = [delimited(b"\x0a", _value(each, depth)) for each in values]
    return delimited(b"\x32", b"".join(items))


def _whole(value: int) -> bytes:
    number = float(value)
    if int(number) != value:
        raise ValueError(f"has {value}, which 64 bits of floating point do not hold exactly")
    return _DOUBLE(_NUMBER_TAG, number)
