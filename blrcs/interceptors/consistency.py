"""Carries consistency tokens between a call's metadata and the database."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from blrcs.domain.consistency import TOKEN_KEY, Consistency, consistency
from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method

MAX_TOKENS = 8
"""As many as are looked at; who sends more is served as one who sends what cannot be read."""

Position = Callable[[], Awaitable[str]]


def keep_consistency(position: Position) -> Callable[[Method, Handler], Handler]:
    """Middleware: a call sees what its caller's tokens stand for, and gives one where it wrote.

    Args:
        position: Gives the token for all that has been written so far.
    """

    def bind(method: Method, handler: Handler) -> Handler:
        del method

        async def consistent(request: Any, call: Call) -> Any:
            seen = Consistency(_tokens(call.metadata))
            # Put back as it was: else each call would take a new task.
            before = consistency.set(seen)
            try:
                reply = await handler(request, call)
            finally:
                consistency.reset(before)
            if seen.has_written:
                trailers = call.trailing_metadata() or ()
                call.set_trailing_metadata((*trailers, (TOKEN_KEY, await position())))
            return reply

        return consistent

    return bind


def _tokens(metadata: Iterable[tuple[str, str | bytes]]) -> tuple[str, ...]:
    found = tuple(str(value) for key, value in metadata if key == TOKEN_KEY)
    return found if len(found) <= MAX_TOKENS else ("",)
