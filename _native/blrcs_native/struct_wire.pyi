"""A google.protobuf.Struct's bytes, made of a document without any message between."""

from typing import Any

def struct_of(document: dict[str, Any], max_levels: int, *, ordered: bool = False) -> bytes:
    """The document as the message's bytes.

    Members are in the order of the document; or ``ordered``: as protobuf's serializer writes them
    where it is told to be deterministic, so that equal documents are equal bytes.

    Raises:
        ValueError: It has a whole number that 64 bits of floating point do not hold, or objects and
            lists in each other on more than ``max_levels`` levels, or half of a surrogate pair; or
            ``max_levels`` is less than 1 or more than 256.
        TypeError: It has what JSON has not.
    """
