"""Compression of messages: gzip (RFC 1952) and deflate, which is zlib's format (RFC 1950)."""

import zlib

ENCODINGS = ("identity", "deflate", "gzip")

cdef dict WINDOW_BITS = {"deflate": 15, "gzip": 31}
# grpc.Compression is an enumeration of these numbers.
cdef tuple BY_NUMBER = (None, "deflate", "gzip")


cdef bytes compressed(str encoding, bytes body):
    packer = zlib.compressobj(wbits=WINDOW_BITS[encoding])
    return packer.compress(body) + packer.flush()


cdef object decompressed(str encoding, bytes body, Py_ssize_t max_bytes):
    """None where it would be more than `max_bytes`; ValueError where it is malformed."""
    unpacker = zlib.decompressobj(wbits=WINDOW_BITS[encoding])
    try:
        plain = unpacker.decompress(body, max_bytes + 1)
    except zlib.error:
        raise ValueError(f"not {encoding}") from None
    if len(plain) > max_bytes:
        return None
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"not one whole {encoding}")
    return plain


cdef str accepted(str encoding, str accepted_encodings):
    """The encoding where the client accepts it, else None."""
    if encoding is None or accepted_encodings is None:
        return None
    for each in accepted_encodings.split(","):
        if each.strip() == encoding:
            return encoding
    return None


cdef str encoding_name(object compression):
    number = getattr(compression, "value", compression)
    if number is None:
        return None
    if type(number) is not int or not 0 <= number < len(BY_NUMBER):
        raise ValueError(f"{compression!r} is no compression")
    return BY_NUMBER[number]


def compress(str encoding not None, bytes body not None):
    return compressed(encoding, body)


def decompress(str encoding not None, bytes body not None, Py_ssize_t max_bytes):
    return decompressed(encoding, body, max_bytes)


def name_of(compression):
    return encoding_name(compression)
