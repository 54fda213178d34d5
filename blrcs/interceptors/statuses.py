"""Makes rejections with google.rpc details (AIP-193)."""

from collections.abc import Iterable, Mapping

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from blrcs_native.calls.rejection import CODE_NAMES, Rejection

ERROR_DOMAIN = "blrcs"
CODES = {name: number for number, name in enumerate(CODE_NAMES)}

Trailers = tuple[tuple[str, str | bytes], ...]


def rejection(
    code: str,
    stage: str,
    reason: str,
    message: str,
    *,
    metadata: Mapping[str, str] | None = None,
    details: Iterable[Message] = (),
    trailers: Trailers = (),
) -> Rejection:
    """A rejection with an ErrorInfo of ``reason`` and ``metadata``, then ``details``."""
    status = status_pb2.Status(code=CODES[code], message=message)
    info = error_details_pb2.ErrorInfo(reason=reason, domain=ERROR_DOMAIN, metadata=metadata or {})
    for detail in (info, *details):
        status.details.add().Pack(detail)
    packed: Trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    return Rejection(CODES[code], stage, reason, message, packed + trailers)


def bad_request(violations: Iterable[tuple[str, str, str]]) -> error_details_pb2.BadRequest:
    """Details for fields that are wrong: triples of field path, description and reason."""
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=field, description=description, reason=reason
            )
            for field, description, reason in violations
        ]
    )


def retry_info(delay_ms: int) -> error_details_pb2.RetryInfo:
    """Details that say when to try again."""
    delay = Duration()
    delay.FromMilliseconds(delay_ms)
    return error_details_pb2.RetryInfo(retry_delay=delay)


def retry_trailers(delay_ms: int) -> Trailers:
    """The pushback that gRPC clients with a retry policy obey (gRFC A6)."""
    return (("grpc-retry-pushback-ms", str(delay_ms)),)
