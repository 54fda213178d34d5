"""The errors that use cases raise.

Each class stands for one canonical gRPC code, by its name; presentation turns it into a status with
google.rpc details. What a message says reaches the caller: it names what the caller sent or may
know, and nothing else.
"""

from collections.abc import Mapping


class DomainError(Exception):
    """A refusal that the caller is told of.

    Attributes:
        code: The canonical code's name, such as ``NOT_FOUND``.
        reason: A constant for programs, in UPPER_SNAKE_CASE (google.rpc.ErrorInfo.reason).
        message: One sentence for people.
        metadata: Names and values for programs (google.rpc.ErrorInfo.metadata).
    """

    code = "INTERNAL"

    def __init__(
        self, reason: str, message: str, *, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})


class InvalidArgumentError(DomainError):
    """A field of the request is wrong, whatever the state (google.rpc.BadRequest)."""

    code = "INVALID_ARGUMENT"

    def __init__(self, field: str, message: str, *, reason: str = "FIELD_INVALID") -> None:
        super().__init__(reason, f"{field}: {message}", metadata={"field": field})
        self.field = field
        self.description = message


class UnauthenticatedError(DomainError):
    """The proof of identity is missing or wrong. Says no more than that."""

    code = "UNAUTHENTICATED"


class PermissionDeniedError(DomainError):
    """The principal may not do it."""

    code = "PERMISSION_DENIED"


class NotFoundError(DomainError):
    """There is no resource of the name."""

    code = "NOT_FOUND"

    def __init__(self, name: str, *, reason: str = "RESOURCE_NOT_FOUND") -> None:
        super().__init__(reason, f"{name} does not exist", metadata={"resource": name})


class AlreadyExistsError(DomainError):
    """There is a resource of the name."""

    code = "ALREADY_EXISTS"

    def __init__(self, name: str, *, reason: str = "RESOURCE_EXISTS") -> None:
        super().__init__(reason, f"{name} already exists", metadata={"resource": name})


class FailedPreconditionError(DomainError):
    """The state must change before the same call can succeed."""

    code = "FAILED_PRECONDITION"


class AbortedError(DomainError):
    """Somebody else changed the resource in between: read it again and retry.

    The reason is ``ETAG_MISMATCH`` only where the caller gave an etag.
    """

    code = "ABORTED"

    def __init__(self, name: str, *, reason: str = "ETAG_MISMATCH") -> None:
        super().__init__(reason, f"{name} was changed in between", metadata={"resource": name})


class ResourceExhaustedError(DomainError):
    """A quota or a bound is used up (google.rpc.RetryInfo where ``retry_after_ns`` is set)."""

    code = "RESOURCE_EXHAUSTED"

    def __init__(self, reason: str, message: str, *, retry_after_ns: int | None = None) -> None:
        super().__init__(reason, message)
        self.retry_after_ns = retry_after_ns


class UnavailableError(DomainError):
    """A dependency does not answer now; the call may be retried.

    Google.rpc.RetryInfo says when, where ``retry_after_ns`` is set.
    """

    code = "UNAVAILABLE"

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after_ns: int | None = None,
    ) -> None:
        super().__init__(reason, message, metadata=metadata)
        self.retry_after_ns = retry_after_ns


class OutcomeUnknownError(UnavailableError):
    """A dependency was lost before it said whether it did what it was asked for (UNKNOWN).

    Unlike after any other UnavailableError, what is asked for once more may be done twice.
    """

    code = "UNKNOWN"


class DeadlineExceededError(DomainError):
    """A dependency took longer than the server waits; what is asked for again takes as long."""

    code = "DEADLINE_EXCEEDED"


PASSING = (UnavailableError, ResourceExhaustedError, DeadlineExceededError)
"""What a dependency is refused with that is away, used up or slow: nobody has made a mistake."""


class OutOfRangeError(DomainError):
    """What is asked for lies before the beginning, or behind the end, of what there is."""

    code = "OUT_OF_RANGE"


class DataLossError(DomainError):
    """What was done, or may have been, is not on record; to repeat the call does not help."""

    code = "DATA_LOSS"
