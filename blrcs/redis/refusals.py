"""What redis-py raises, as callers and terminals are told of it."""

from redis.exceptions import OutOfMemoryError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from blrcs.domain.errors import DomainError, ResourceExhaustedError
from blrcs.redis.errors import RedisOpenError, unavailable

_NOT_NOW = (
    "BUSY ",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOREPLICAS",
    "READONLY",
    "TRYAGAIN",
    "UNBLOCKED",
)
_NOT_NOW_KINDS = {"ClusterDownError", "MasterDownError", "ReadOnlyError", "TryAgainError"}


def domain_error(error: ResponseError) -> DomainError | ResponseError:
    """What callers are told where Redis refuses a command; what nobody expected stays as it is."""
    if isinstance(error, OutOfMemoryError):
        return ResourceExhaustedError("REDIS_OUT_OF_MEMORY", "Redis has no memory left for this")
    return unavailable() if is_temporary(error) else error


def is_temporary(error: ResponseError) -> bool:
    """Whether Redis refuses for now alone; nothing was done."""
    return str(error).startswith(_NOT_NOW) or type(error).__name__ in _NOT_NOW_KINDS


def open_error(place: str, error: Exception) -> RedisOpenError:
    """Why no connection comes about, as Redis, the system or TLS says it."""
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return RedisOpenError(place, "it does not answer in time")
    if isinstance(error, OSError | RedisError):
        return RedisOpenError(place, " ".join(f"cannot be used: {error}".split()))
    raise error
