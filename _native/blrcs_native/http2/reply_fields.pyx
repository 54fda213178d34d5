"""Metadata as it is sent (grpc/grpc, doc/PROTOCOL-HTTP2.md, Custom-Metadata)."""

import re

from blrcs_native.http2.wire cimport binary_text

cdef object NAME = re.compile(r"[0-9a-z_.-]+")
cdef object VALUE = re.compile(r"[\x20-\x7e]*")
cdef frozenset OWN_NAMES = frozenset({
    "connection", "content-length", "content-type", "grpc-accept-encoding", "grpc-encoding",
    "grpc-message", "grpc-status", "grpc-timeout", "host", "keep-alive", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade",
})


cdef list checked_fields(object metadata):
    fields = []
    for name, value in metadata or ():
        if isinstance(name, bytes):
            name = name.decode("ascii")
        if NAME.fullmatch(name) is None or name in OWN_NAMES:
            raise ValueError(f"{name!r} is not a name of metadata")
        if name.endswith("-bin"):
            if not isinstance(value, bytes):
                raise TypeError(f"{name}: the value is bytes")
            fields.append((str.encode(name), binary_text(value)))
            continue
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if not isinstance(value, str):
            raise TypeError(f"{name}: the value is text")
        if VALUE.fullmatch(value) is None:
            raise ValueError(f"{name}: the value is not printable ASCII")
        fields.append((str.encode(name), str.encode(value)))
    return fields


def check_fields(metadata):
    return checked_fields(metadata)
