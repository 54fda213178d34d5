"""A supervisor whose processes are puppets, and a clock that a test may turn forward."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from blrcs.supervisor.process import WorkerProcess
from blrcs.supervisor.seat import Patience
from blrcs.supervisor.supervisor import Supervisor
from blrcs.workers.handover import Handover, Started
from blrcs.workers.hold_up import HoldUp

PUPPET = Path(__file__).with_name("puppet.py")
PATIENCE = Patience(end_s=100.0)
WATCHFUL = Patience(end_s=100.0, hang_s=30.0)
TIMEOUT_S = 60
KEEPER = "keeper"


class TurnedLoop(asyncio.SelectorEventLoop):
    """A loop whose time goes on by itself, and by leaps."""

    def __init__(self) -> None:
        super().__init__()
        self._turned_s = 0.0

    def time(self) -> float:
        return super().time() + self._turned_s

    def turn(self, seconds: float) -> None:
        """What waits for no more than that is due."""
        self._turned_s += seconds


def on_stage(play: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Runs a test in such a loop."""

    def test() -> None:
        with asyncio.Runner(loop_factory=TurnedLoop) as runner:
            runner.run(play())

    test.__name__ = play.__name__
    test.__doc__ = play.__doc__
    return test


def turn(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, TurnedLoop)
    loop.turn(seconds)


@dataclass(frozen=True)
class Event:
    """What a process wrote down."""

    seat: str
    process: int
    what: str


class Signs:
    """What the processes of a stage say of themselves: they go on, but for those that are named.

    Attributes:
        silent: The processes that do not beat.
        waits: Waits, each with the process that waits and the one that has what is wanted.
        stopped: The processes that wait and do not go on to try.
        fails: Whether it cannot be told who waits.
        hangs: How many have been ended.
        looks: How often the supervisor has looked.
        looked: Set whenever it does.
    """

    def __init__(self) -> None:
        self.silent: set[int] = set()
        self.waits: dict[Hashable, tuple[int, int]] = {}
        self.stopped: set[int] = set()
        self.fails = False
        self.hangs = 0
        self.looks = 0
        self.looked = asyncio.Event()

    def last_beat(self, process: int) -> int:
        return 1 if process in self.silent else self.looks

    def hold_ups(self) -> Mapping[Hashable, HoldUp]:
        self.looks += 1
        self.looked.set()
        if self.fails:
            raise OSError("no sign")
        return {
            wait: HoldUp(waiter, holder, 1 if waiter in self.stopped else self.looks)
            for wait, (waiter, holder) in self.waits.items()
        }

    def count_hang(self) -> None:
        self.hangs += 1


class Stage:
    """What the processes of a supervisor are to be, what they did, and what it said.

    A seat's processes are the parts of its list, one after another, and then such as serve.
    """

    def __init__(
        self,
        count: int,
        parts: Mapping[str, Sequence[str]] | None = None,
        *,
        keeper: bool = False,
        patience: Patience = PATIENCE,
        recover: Callable[[], bool] = lambda: True,
    ) -> None:
        self.signs = Signs()
        self._recover = recover
        self.parts = {seat: list(each) for seat, each in (parts or {}).items()}
        self.spawned: list[WorkerProcess] = []
        self.events: list[Event] = []
        self.steered: list[Sequence[int]] = []
        self.port_ends: list[int] = []
        self.firsts: list[bool] = []
        self.log: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._diary, theirs = socket.socketpair()
        self._theirs = theirs
        self._unread = b""
        self.supervisor = Supervisor(
            count=count,
            spawn=self._spawn_worker,
            spawn_keeper=(lambda: self._spawn(KEEPER)) if keeper else None,
            recover=self._recovered,
            signs=self.signs,
            steer=self._steer,
            close_ports=lambda: self.port_ends.append(len(self.found("SIGTERM"))),
            queue=lambda seat: [self._theirs.fileno()] * (seat + 1),
            patience=patience,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Started]:
        loop = asyncio.get_running_loop()
        configured = structlog.get_config()
        structlog.configure(processors=[self._hear], cache_logger_on_first_use=False)
        with closing(self._diary), self._theirs:
            self._diary.setblocking(False)
            loop.add_reader(self._diary, self._read)
            try:
                async with self.supervisor.running() as started:
                    yield started
            finally:
                self._read()
                loop.remove_reader(self._diary)
                structlog.configure(**configured)

    async def until(self, what: str, seat: str | None = None, count: int = 1) -> Event:
        """The event, once it has been written down so often."""
        async with asyncio.timeout(TIMEOUT_S * 1_000):  # the clock may be turned meanwhile
            while True:
                found = self.found(what, seat)
                if len(found) >= count:
                    return found[count - 1]
                await self._wait()

    async def until_said(self, what: str, count: int = 1) -> dict[str, Any]:
        """What the supervisor logged, once it has so often."""
        while True:
            said = self.said(what)
            if len(said) >= count:
                return said[count - 1]
            await self._wait()

    async def pass_time(self, seconds: float) -> None:
        """Has the supervisor look as often as it does in so long."""
        for _ in range(round(2 * seconds)):
            self.signs.looked.clear()
            turn(0.5)
            await self.signs.looked.wait()

    def _steer(self, seats: Sequence[int]) -> None:
        assert not self.port_ends, "the ports are closed"
        self.steered.append(seats)

    def found(self, what: str, seat: str | None = None) -> list[Event]:
        return [each for each in self.events if each.what == what and seat in {None, each.seat}]

    def said(self, what: str) -> list[dict[str, Any]]:
        return [each for each in self.log if each["event"] == what]

    def order(self) -> list[tuple[str, str]]:
        """What was written down, by whom."""
        return [(each.seat, each.what) for each in self.events]

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _spawn_worker(self, seat: int, first: bool) -> WorkerProcess:
        self.firsts.append(first)
        return self._spawn(f"worker{seat}")

    def _spawn(self, seat: str) -> WorkerProcess:
        parts = self.parts.get(seat)
        part = parts.pop(0) if parts else "serves"
        if part == "none":
            raise OSError("no more processes")
        handover = Handover(
            config_directory=None,
            config_file=None,
            flags={"seat": seat, "part": part},
            host="",
            port=0,
            data_directory="",
            metrics_address="",
            passed=["diary"],
            first=False,
        )
        program = (sys.executable, "-S", "-E", str(PUPPET))
        self.spawned.append(WorkerProcess(program, handover, [self._theirs.fileno()]))
        return self.spawned[-1]

    def _read(self) -> None:
        try:
            self._unread += self._diary.recv(65_536)
        except BlockingIOError:
            return
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            seat, process, what = line.decode().split()
            self._note(Event(seat, int(process), what))

    def _recovered(self) -> bool:
        is_done = self._recover()
        self._note(Event("", 0, "recovered" if is_done else "is held up"))
        return is_done

    def _note(self, event: Event) -> None:
        self.events.append(event)
        self._news.set()

    def _hear(self, _: object, __: str, event: dict[str, Any]) -> None:
        self.log.append(dict(event))
        self._news.set()
        raise structlog.DropEvent


def kill(process: int, number: signal.Signals = signal.SIGKILL) -> None:
    os.kill(process, number)
