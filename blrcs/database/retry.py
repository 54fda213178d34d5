"""Running again what met another transaction."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from blrcs.database.errors import ConflictError, SerializationError

Result = TypeVar("Result")

DEFAULT_ATTEMPTS = 5
FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.5


async def retry(attempt: Callable[[], Awaitable[Result]], attempts: int) -> Result:
    """The result of the first attempt that meets no other transaction.

    Pauses are random up to a bound that doubles (full jitter), so that those who met do not meet
    again.

    Raises:
        ConflictError: All attempts did.
        ValueError: There is to be none.
    """
    require_an_attempt(attempts)
    number = 1
    while True:
        try:
            return await attempt()
        except SerializationError as error:
            if number == attempts:
                raise ConflictError(attempts) from error
        longest_s = min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S)
        await asyncio.sleep(random.uniform(0, longest_s))  # noqa: S311 - no secret
        number += 1


def require_an_attempt(attempts: int) -> None:
    """For those that need no second one.

    Raises:
        ValueError: There is to be none.
    """
    if attempts < 1:
        raise ValueError("attempts must be at least 1")
