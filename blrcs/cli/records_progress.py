"""How a transfer tells how far it is.

Where nothing is shown, what shows it is not loaded.
"""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

INTERVAL_S = 5.0
PERCENT = 100
S_PER_MINUTE = 60


class TransferProgress:
    """A bar on a terminal; else a line every few seconds; nothing at all if it is to be quiet.

    All of it goes to standard error, and so do messages, quiet or not.

    Args:
        what: What is done.
        total: Of what ``done`` counts; None if nobody knows.
        quiet: Show nothing.
        clock_s: Monotonic.
    """

    def __init__(
        self,
        what: str,
        total: int | None,
        *,
        quiet: bool,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._total = total
        self._quiet = quiet
        self._clock_s = clock_s
        self._bars: Progress | None = None
        self._task: TaskID
        self._begun_s = self._told_s = clock_s()
        self._first: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        from rich.console import Console  # noqa: PLC0415 - see the module

        console = Console(stderr=True)
        if console.is_terminal:
            self._bars = _bars(console)
            self._task = self._bars.add_task(self._what, total=self._total, state="")
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def begin(self, done: int, records: int) -> None:
        """From here on it is counted how fast it goes."""
        self._first = (done, records)
        if self._bars is not None:
            self._bars.update(self._task, completed=done)

    def advance(self, done: int, records: int) -> None:
        """So much of the total is done, which is so many records."""
        if self._quiet:
            return
        now_s = self._clock_s()
        if self._bars is not None:
            state = f"{records:,} records, {self._rate(records, now_s):,.0f}/s"
            self._bars.update(self._task, completed=done, state=state)
        elif now_s - self._told_s >= INTERVAL_S:
            self._told_s = now_s
            self.tell(self._line(done, records, now_s))

    def tell(self, text: str) -> None:
        """A message, on a line of its own."""
        if self._bars is not None:
            self._bars.console.print(escape(text), markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{escape(text)}\n")
            sys.stderr.flush()

    def _rate(self, records: int, now_s: float) -> float:
        first = 0 if self._first is None else self._first[1]
        return (records - first) / max(now_s - self._begun_s, 1e-9)

    def _line(self, done: int, records: int, now_s: float) -> str:
        text = f"{self._what}: {records:,} records, {self._rate(records, now_s):,.0f}/s"
        first = 0 if self._first is None else self._first[0]
        if self._total and done > first:
            left_s = (now_s - self._begun_s) / (done - first) * max(self._total - done, 0)
            minutes, seconds = divmod(round(left_s), S_PER_MINUTE)
            text += f", {done / self._total * PERCENT:.0f} %, about {minutes}:{seconds:02} left"
        return text


def _bars(console: "Console") -> "Progress":
    from rich import progress  # noqa: PLC0415 - see the module

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[state]}"),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
    )
