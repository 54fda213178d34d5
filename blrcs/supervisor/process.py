"""One worker, as its supervisor sees it."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from blrcs.workers.handover import MAX_PACKET_BYTES, Handover, Loan, Started


class WorkerProcess:
    """A process that was started as ``COMMAND DESCRIPTOR``. Belongs to the running loop.

    It is a program of its own rather than a fork: neither threads nor memory of the supervisor come
    with it, and one that is started later runs the code installed by then.
    """

    def __init__(
        self, command: Sequence[str], handover: Handover, descriptors: Sequence[int]
    ) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            handover.send(self._control, descriptors)
            self._process = subprocess.Popen(  # noqa: S603 - what the caller has chosen
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # A terminal's Ctrl-C is for the supervisor, which tells the workers.
                process_group=0,
            )
        loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[int] = loop.create_future()
        self._started: asyncio.Future[Started] = loop.create_future()
        self._control.setblocking(False)  # noqa: FBT003 - the name says it
        self._pidfd = os.pidfd_open(self._process.pid)
        loop.add_reader(self._pidfd, self._reap)
        loop.add_reader(self._control, self._read)

    @property
    def process_id(self) -> int:
        """Its number."""
        return self._process.pid

    async def started(self) -> Started | None:
        """What it says once it accepts calls; None if it ends before."""
        either: list[asyncio.Future[Any]] = [self._started, self._exited]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return self._started.result() if self._started.done() else None

    async def exited(self) -> int:
        """Its exit code, once it has ended; negative for a signal's number."""
        return await asyncio.shield(self._exited)

    @property
    def has_started(self) -> bool:
        """Whether it has come to accept calls."""
        return self._started.done()

    @property
    def is_stopped(self) -> bool:
        """Whether a signal such as SIGSTOP has it do nothing (proc(5)); a debugger is none."""
        try:
            status = Path(f"/proc/{self.process_id}/stat").read_text("ascii", "replace")
        except OSError:  # it has gone
            return False
        return status.rpartition(")")[2].split()[0] == "T"

    def on_exit(self, call: Callable[[], object]) -> None:
        """Calls once it has ended, before whoever waits for that goes on."""
        self._exited.add_done_callback(lambda _: call())

    def lend(self, loan: Loan, descriptors: Sequence[int] = ()) -> None:
        """Hands it another's queue, or takes it back; nothing comes of it where it has ended."""
        with suppress(OSError):
            loan.send(self._control, descriptors)

    def reload(self) -> None:
        """Has it read the configuration again; as soon as it can, where it is only starting."""
        self._started.add_done_callback(lambda _: self.send_signal(signal.SIGHUP))

    def send_signal(self, number: signal.Signals) -> None:
        """Sends it a signal, if it still runs."""
        self._process.send_signal(number)

    def _read(self) -> None:
        with suppress(OSError):
            packet = self._control.recv(MAX_PACKET_BYTES)
            if packet:
                self._started.set_result(Started.from_packet(packet))
        asyncio.get_running_loop().remove_reader(self._control)

    def _reap(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        loop.remove_reader(self._control)
        os.close(self._pidfd)
        self._control.close()
        self._exited.set_result(self._process.wait())
