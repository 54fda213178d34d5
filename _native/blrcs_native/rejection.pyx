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


class AbortError(Exception):
    def __init__(self, rejection):
        super().__init__(f"{rejection.code_name}: {rejection.message}")
        self.rejection = rejection
