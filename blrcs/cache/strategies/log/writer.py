"""One thread that logs writes, many to one sync."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from blrcs.cache.strategies.log.errors import closed, failed, not_logged, outcome_unknown
from blrcs.cache.strategies.log.files import LogFiles
from blrcs.domain.logged_write import LoggedWrite

log = structlog.get_logger("blrcs.cache")

Clock = Callable[[], int]


class Logged(Protocol):
    """Told of each group on the event loop: its writes, in their order; none where it failed."""

    def __call__(self, writes: Sequence[LoggedWrite]) -> None:
        """Does not wait."""
        ...


class _Pending:
    """A write that is not logged yet, and the future that its caller awaits."""

    __slots__ = ("future", "key", "value")

    def __init__(self, key: str, value: bytes | None, future: asyncio.Future[LoggedWrite]) -> None:
        self.key = key
        self.value = value
        self.future = future


class LogWriter:
    """Logs writes in the order in which they are given, and tells each when it is on disk.

    What is waiting when the thread is free is one group: one write to the file and one sync. A
    group that the disk does not take fails as a whole, and leaves nothing. If a sync fails, nobody
    knows what the disk has: its group may turn out to have been logged when the log is opened anew,
    and until then all later ones are refused.

    Attributes:
        waiting_writes: Those that are not on disk yet.
        waiting_bytes: Of their keys and values.

    Args:
        files: The log's; the writer closes them.
        logged: Told before those who wait are.
        clock: Wall-clock nanoseconds.
        group_size: At most this many writes share a sync.
    """

    def __init__(
        self, files: LogFiles, logged: Logged, *, clock: Clock, group_size: int = 4096
    ) -> None:
        self._files = files
        self._logged = logged
        self._clock = clock
        self._group_size = group_size
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Pending] = deque()
        self.waiting_writes = 0
        self.waiting_bytes = 0
        self._applied_up_to = self._dropped_up_to = 0
        self._changed = threading.Condition()
        self._closing = False
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="write-log", daemon=True)
        self._thread.start()

    @property
    def has_failed(self) -> bool:
        """Whether a sync has failed, so that all writes do."""
        return self._failed

    @property
    def log_bytes(self) -> int:
        """Of all files that are still needed."""
        return self._files.size_bytes

    def append(self, key: str, value: bytes | None) -> asyncio.Future[LoggedWrite]:
        """The write once it is on disk. Cancelling does not undo it.

        Raises:
            UnavailableError: The log is closed, or has failed. As a result: the disk did not take
                it; or, as OutcomeUnknownError, it may have.
        """
        future: asyncio.Future[LoggedWrite] = self._loop.create_future()
        with self._changed:
            if self._closing:
                raise closed()
            if self._failed:
                raise failed()
            self._queue.append(_Pending(key, value, future))
            self._changed.notify()
        self.waiting_writes += 1
        self.waiting_bytes += len(key) + len(value or b"")
        return future

    def drop(self, applied_up_to: int) -> None:
        """Removes files whose writes are all applied, some time soon."""
        with self._changed:
            self._applied_up_to = applied_up_to
            self._changed.notify()

    def close(self) -> None:
        """Refuses new writes, logs those that wait, and returns when the thread has ended."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while self._has_work():
            with self._changed:
                count = min(len(self._queue), self._group_size)
                group = [self._queue.popleft() for _ in range(count)]
            if group:
                self._log(group)
            self._drop()
        self._drop()
        self._files.close()

    def _has_work(self) -> bool:
        """Waits for some. False once the writer is closed and has none left."""
        with self._changed:
            while not (self._queue or self._closing or self._applied_up_to > self._dropped_up_to):
                self._changed.wait()
            return bool(self._queue) or not self._closing

    def _log(self, group: list[_Pending]) -> None:
        first, now_ns = self._files.next_sequence, self._clock()
        writes = [
            LoggedWrite(first + place, pending.key, pending.value, now_ns)
            for place, pending in enumerate(group)
        ]
        error = failed() if self._failed else self._append(writes)
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, group, writes, error)

    def _append(self, writes: list[LoggedWrite]) -> Exception | None:
        try:
            self._files.append(writes)
        except OSError as error:
            self._failed = self._files.is_distrusted
            log.exception("a log of writes could not be written", distrusted=self._failed)
            told = outcome_unknown() if self._failed else not_logged()
            told.__cause__ = error
            return told
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait get it
            return error
        return None

    def _settle(
        self, group: list[_Pending], writes: list[LoggedWrite], error: Exception | None
    ) -> None:
        self.waiting_writes -= len(group)
        self.waiting_bytes -= sum(write.size_bytes for write in writes)
        self._logged(writes if error is None else ())
        for pending, write in zip(group, writes, strict=True):
            if pending.future.done():
                continue
            if error is None:
                pending.future.set_result(write)
            else:
                pending.future.set_exception(error)

    def _drop(self) -> None:
        applied_up_to = self._applied_up_to
        if applied_up_to == self._dropped_up_to:
            return
        self._dropped_up_to = applied_up_to
        try:
            self._files.remove_done(applied_up_to)
        except OSError as error:
            # It is tried again when more is applied, and found when the log is opened anew.
            log.warning("a file whose writes are applied stays", problem=str(error))
