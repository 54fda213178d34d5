"""Awaitables that need not wait."""

from collections.abc import Coroutine, Generator
from typing import Any, final

@final
class Ready(Coroutine[Any, Any, Any]):
    """A coroutine that gives its value, or raises its error, at its first step; made by Cython.

    It can be awaited more than once.
    """

    def __await__(self) -> Generator[Any, Any, Any]: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(self, kind: Any, value: Any = None, traceback: Any = None, /) -> Any: ...
    def close(self) -> None: ...
