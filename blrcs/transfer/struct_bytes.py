"""JSON documents as encoded google.protobuf.Struct, without a message in between.

A message made value by value takes several times as long as the server then needs to read it.
"""

from typing import Any

from blrcs.domain.filter.document import MAX_DEPTH
from blrcs_native.encoding.struct_wire import struct_of


def encode_struct(document: dict[str, Any]) -> bytes:
    """The document's members.

    Raises:
        ValueError: It has a whole number that 64 bits of floating point do not hold, or is too
            deep.
    """
    return struct_of(document, MAX_DEPTH)
