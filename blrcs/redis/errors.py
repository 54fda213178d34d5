"""What can be wrong with Redis, at start-up and afterwards.

Needs nothing of redis-py, which takes long to import.
"""

from blrcs.domain.errors import ResourceExhaustedError, UnavailableError

REASON = "REDIS_UNAVAILABLE"


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
