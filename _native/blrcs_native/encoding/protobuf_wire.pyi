"""Protobuf's wire format, read strictly and written canonically.

Readers are here for tests and fuzzing alone.
"""

def read_fields(message: bytes) -> list[tuple[int, int | bytes]] | None:
    """Numbers and values of all fields, in their order; None where one is not read strictly.

    Read are varints and length-delimited fields of the numbers 1 to 15 in ascending order, varints
    only in their least length. A number may come again, as repeated fields do.
    """

def length_of_utf8(text: bytes, end: int | None = None) -> int | None:
    """The code points of a text, or of its first ``end`` bytes; None for what is not UTF-8."""

def write_number(number: int, value: int) -> bytes:
    """A field of an unsigned number below 2**64; empty for 0, as serializers leave it out."""

def write_bytes(number: int, text: bytes) -> bytes:
    """A field of text; empty for the empty one."""

def write_message(number: int, message: bytes) -> bytes:
    """A field of a message that is encoded; not left out where that is empty."""

def write_instant(number: int, time_ns: int) -> bytes:
    """A field of a google.protobuf.Timestamp so many nanoseconds after the Unix epoch."""
