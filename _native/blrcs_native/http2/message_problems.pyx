"""What can be wrong with a message that a client sends."""

from blrcs_native.calls.rejection cimport Rejection

from blrcs_native.calls.rejection import explained

cdef enum:
    RESOURCE_EXHAUSTED = 8
    INTERNAL = 13

cdef Rejection FLAG_UNKNOWN = explained(
    INTERNAL, "transport", "MESSAGE_FLAG_UNKNOWN", "a message's flag is neither 0 nor 1"
)
cdef Rejection NOT_ENCODED = explained(
    INTERNAL, "transport", "MESSAGE_ENCODING_MISSING",
    "a message is compressed, and grpc-encoding does not say how",
)
cdef Rejection MALFORMED_ENCODING = explained(
    INTERNAL, "transport", "MESSAGE_ENCODING_MALFORMED",
    "a message is not compressed as grpc-encoding says",
)
cdef Rejection CUT_OFF = explained(
    INTERNAL, "transport", "MESSAGE_CUT_OFF", "the request ended within a message"
)


cdef Rejection too_large(object size, Py_ssize_t max_bytes):
    """Of a message that came; `size` may say in words how large it is."""
    return explained(
        RESOURCE_EXHAUSTED, "transport", "MESSAGE_TOO_LARGE",
        f"Received message larger than max ({size} vs. {max_bytes})",
    )
