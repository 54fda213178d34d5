"""What a server says of a call that it refuses."""

import re

import grpc

DETAILS = "grpc-status-details-bin"
POSITION = "write"
NS_PER_S = 1_000_000_000
_WRITE = re.compile(r"writes\[(\d+)\]")
_ABOUT_WRITE = re.compile(r"writes\[\d+\][.:]?\s*")


class CallError(Exception):
    """A call's status, read.

    Attributes:
        code: Its canonical code.
        message: What it says of the write or of the call, without the write's position.
        position: Which write of a batch it is about, if it is about one.
        retry_after_s: When it asks to be called again, if it does.
        is_doubtful: Whether the call was made before, so that what it asks for may be done already.
    """

    def __init__(self, error: grpc.RpcError, *, is_doubtful: bool) -> None:
        text = error.details() or ""
        super().__init__(f"{error.code().name}: {text}")
        self.code: grpc.StatusCode = error.code()
        self.message = _ABOUT_WRITE.sub("", text)
        self.position: int | None = None
        self.retry_after_s: float | None = None
        self.is_doubtful = is_doubtful
        for detail in _details(error):
            self._read(detail)

    def _read(self, detail: object) -> None:
        from google.rpc import error_details_pb2  # noqa: PLC0415 - see the package

        match detail:
            case error_details_pb2.ErrorInfo():
                position = detail.metadata.get(POSITION, "")
                if position.isdecimal():
                    self.position = int(position)
            case error_details_pb2.BadRequest():
                # What is refused before the service sees it is named in its field's path alone.
                for violation in detail.field_violations:
                    found = _WRITE.match(violation.field)
                    if found is not None and self.position is None:
                        self.position = int(found[1])
            case error_details_pb2.RetryInfo():
                self.retry_after_s = detail.retry_delay.ToNanoseconds() / NS_PER_S


def _details(error: grpc.RpcError) -> list[object]:
    from google.rpc import error_details_pb2, status_pb2  # noqa: PLC0415 - see the package

    status = status_pb2.Status()
    for name, value in error.trailing_metadata() or ():
        if name == DETAILS:
            status.ParseFromString(value)
    kinds = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.RetryInfo,
    )
    found: list[object] = []
    for packed in status.details:
        for kind in kinds:
            if packed.Is(kind.DESCRIPTOR):
                message = kind()
                packed.Unpack(message)
                found.append(message)
    return found
