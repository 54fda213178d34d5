"""The messages that a client streams, as an async iterator."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any, final

from blrcs_native.calls.call import Call

@final
class Requests(AsyncIterator[Any]):
    """What the handler of a method gets whose client streams.

    A small message that nobody refers to any more may be given again, with the content of another.
    """

    def __init__(self, call: Call) -> None: ...
    def __anext__(self) -> Awaitable[Any]: ...
