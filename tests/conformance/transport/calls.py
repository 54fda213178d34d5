"""What the suites over transports share of making calls."""

from typing import Any


async def collect(call: Any, received: list[Any]) -> None:
    """Adds the messages of a stream to a list, which keeps those that came before an error."""
    async for message in call:
        received.append(message)  # noqa: PERF401 - a comprehension would lose them
