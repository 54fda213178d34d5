"""Why a call ends without a reply: a value, made once and handed out as often as needed."""

cimport cython

CODE_NAMES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


@cython.final
cdef class Rejection:
    def __init__(self, int code, str stage, str reason, str message, tuple trailers=()):
        if not 0 < code < len(CODE_NAMES):
            raise ValueError(f"{code} is not the code of an error")
        self.code = code
        self.stage = stage
        self.reason = reason
        self.message = message
        self.trailers = trailers

    @property
    def code_name(self):
        return CODE_NAMES[self.code]

    def __repr__(self):
        return f"Rejection({self.code_name}, {self.stage}, {self.reason}, {self.message!r})"


cdef bytes tagged(int number, bytes content):
    """A length-delimited field of a protobuf message, of less than 16 KiB."""
    cdef Py_ssize_t size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])
    return bytes([number << 3 | 2]) + length + content


def explained(int code, str stage, str reason, str message):
    info = tagged(1, reason.encode()) + tagged(2, b"blrcs")
    packed = tagged(1, b"type.googleapis.com/google.rpc.ErrorInfo") + tagged(2, info)
    status = b"\x08" + bytes([code]) + tagged(2, message.encode()) + tagged(3, packed)
    return Rejection(code, stage, reason, message, (("grpc-status-details-bin", status),))


class AbortError(Exception):
    def __init__(self, rejection):
        super().__init__(f"{rejection.code_name}: {rejection.message}")
        self.rejection = rejection
