"""What can be wrong with Redis, at start-up and afterwards."""

from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from blrcs.domain.errors import DomainError, ResourceExhaustedError, UnavailableError

REASON = "REDIS_UNAVAILABLE"

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


class RedisOpenError(Exception):
    """Redis cannot be used; the server cannot start.

    Its text is one line for a terminal. It names the place and what is wrong, and no password.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


def unavailable() -> UnavailableError:
    """Redis has not answered: whether a command was carried out is unknown."""
    return UnavailableError(REASON, "Redis does not answer now")


def overloaded() -> ResourceExhaustedError:
    """More is asked of Redis than it answers."""
    return ResourceExhaustedError("REDIS_OVERLOADED", "too many commands wait for Redis")


def domain_error(error: ResponseError) -> DomainError | ResponseError:
    """What callers are told where Redis refuses a command; what nobody expected stays as it is."""
    if isinstance(error, OutOfMemoryError):
        return ResourceExhaustedError("REDIS_OUT_OF_MEMORY", "Redis has no memory left for this")
    return unavailable() if is_temporary(error) else error


def is_temporary(error: ResponseError) -> bool:
    """Whether Redis refuses for now alone; nothing was done."""
    text = str(error)
    kind = type(error).__name__
    return text.startswith(_NOT_NOW) or kind in {
        "ClusterDownError",
        "MasterDownError",
        "ReadOnlyError",
        "TryAgainError",
    }


def open_error(place: str, error: Exception) -> RedisOpenError:
    """Why no connection comes about, as Redis, the system or TLS says it."""
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return RedisOpenError(place, "it does not answer in time")
    said = str(error)
    if isinstance(error, RedisConnectionError | OSError | RedisError):
        return RedisOpenError(place, " ".join(f"cannot be used: {said}".split()))
    raise error
