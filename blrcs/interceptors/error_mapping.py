"""Turns what handlers raise into statuses."""

import structlog

from blrcs.domain.errors import (
    DomainError,
    InvalidArgumentError,
    ResourceExhaustedError,
    UnavailableError,
)
from blrcs.interceptors.statuses import Trailers, bad_request, rejection, retry_info, retry_trailers
from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection

NS_PER_MS = 1_000_000

INTERNAL = rejection("INTERNAL", "handler", "INTERNAL", "internal error")

log = structlog.get_logger("blrcs.handler")


def error_rejection(call: Call, error: Exception) -> Rejection:
    """The status of what a handler raised: a DomainError keeps its code, all else is INTERNAL.

    What an unexpected exception says goes to the log, never to the caller; a status that the
    handler set before it raised counts.
    """
    if isinstance(error, DomainError):
        return domain_rejection(error)
    if call.rejection is not None:
        return call.rejection
    if not isinstance(error, NotImplementedError):
        log.error("handler failed", method=call.method.name, exc_info=error)
    return _status_set_before(call) or INTERNAL


def _status_set_before(call: Call) -> Rejection | None:
    """What a handler set as its status before it raised, as generated servicers do."""
    if not call.status_code:
        return None
    return Rejection(call.status_code, "handler", "", _text(call.details()))


def _text(details: str | bytes | None) -> str:
    """Details of a status, which some transports keep encoded."""
    return details.decode() if isinstance(details, bytes) else details or ""


def domain_rejection(error: DomainError) -> Rejection:
    """The status of a use case's refusal."""
    details = []
    trailers: Trailers = ()
    if isinstance(error, InvalidArgumentError):
        details.append(bad_request([(error.field, error.description, error.reason)]))
    if (
        isinstance(error, ResourceExhaustedError | UnavailableError)
        and error.retry_after_ns is not None
    ):
        wait_ms = -(-error.retry_after_ns // NS_PER_MS)
        details.append(retry_info(wait_ms))
        trailers = retry_trailers(wait_ms)
    return rejection(
        error.code,
        "handler",
        error.reason,
        error.message,
        metadata=error.metadata,
        details=details,
        trailers=trailers,
    )
