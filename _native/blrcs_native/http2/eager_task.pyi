"""Runs a coroutine at once, in a real task, and needs no new one if it never waits."""

from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Coroutine
from typing import Any, final

@final
class EagerTask:
    """A task that runs one coroutine after another."""

    @property
    def task(self) -> Task[Any]: ...
    def time_remaining(self) -> float | None:
        """Seconds that the caller of the present coroutine still waits; None for ever."""

@final
class TaskPool:
    """Starts coroutines within the present step of the event loop.

    A coroutine has a task of its own from its first line on: ``asyncio.current_task()`` is a real
    task, with a context of its own and all that cancellation and time-outs need. One that never
    waits has ended when ``start`` returns. A task that comes out of it as it went in, with nobody
    holding it, runs the next one; any other one ends as tasks do.

    To be used on ``loop`` alone. Within a task that one is not the current one meanwhile.
    """

    def __init__(self, loop: AbstractEventLoop) -> None: ...
    @property
    def idle(self) -> int:
        """Tasks that wait for a coroutine."""
    @property
    def closed(self) -> bool: ...
    def start(
        self,
        coroutine: Coroutine[Any, Any, Any],
        finished: Callable[[Any, BaseException | None], None],
    ) -> Task[Any] | None:
        """Runs it to its first wait; ``finished`` is told what it gave or raised.

        Returns its task, or None where it has ended already.
        """
    def close(self) -> None:
        """Lets the idle tasks end."""
