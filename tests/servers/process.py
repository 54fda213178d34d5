"""A server's process: started, stopped and paused by a test, and gone with it."""

import itertools
import os
import random
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LOWEST_PORT = 10_000
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
COMMAND_TIMEOUT_S = 180
"""Far above what a command beside a server takes, for machines that do much else."""


class ServerProcess:
    """A program that says in its log when it serves. Each kind of server says how it is run.

    Attributes:
        directory: Its folder.
        port: Where it listens, on the loopback.
        log: The lines that it has written, in all its runs.
        start_timeout_s: How long its start may take.
    """

    start_timeout_s: float = START_TIMEOUT_S

    def __init__(
        self, directory: Path, ready: str, *, stop_by: signal.Signals = signal.SIGTERM
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.log: list[str] = []
        self._ready = ready
        self._stop_by = stop_by
        self._process: subprocess.Popen[str] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._process is not None and self._process.poll() is None

    def _command(self) -> list[str]:
        """What runs it."""
        raise NotImplementedError

    def start(self) -> None:
        """Returns when it takes connections; where it does not, it has ended.

        It ends with the thread that this is called on.
        """
        command = self._command()
        self._process = process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.directory,
        )
        ready = threading.Event()
        threading.Thread(target=self._read_log, args=(process, ready), daemon=True).start()
        if not ready.wait(self.start_timeout_s) or process.poll() is not None:
            self.kill()
            raise RuntimeError(f"{command} does not serve:\n" + "".join(self.log))

    def stop(self) -> None:
        """Ends it and all its connections."""
        self._end(self._stop_by)

    def restart(self) -> None:
        """Ends all connections, and takes new ones when it returns."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Ends it on the spot."""
        self._end(signal.SIGKILL)

    def kill_all(self) -> None:
        """Ends it and the processes that it has started; returns when all have ended."""
        assert self._process is not None
        # While it is stopped it starts none that would outlive it, and hold what it shares.
        self.pause()
        ends = [os.pidfd_open(pid) for pid in (self._process.pid, *_children(self._process.pid))]
        self._signal_all(signal.SIGKILL)
        for end in ends:
            select.select([end], [], [], STOP_TIMEOUT_S)
            os.close(end)
        self.kill()

    def pause(self) -> None:
        """Has it answer nobody, from now on, while connections stay as they are."""
        assert self._process is not None
        # Only once it has stopped itself does it start none that would go on.
        _stop(self._process.pid)
        for pid in _children(self._process.pid):
            _stop(pid)

    def resume(self) -> None:
        """Has it go on."""
        self._signal_all(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self.resume()
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def _read_log(self, process: "subprocess.Popen[str]", ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.log.append(line)
                if self._ready in line:
                    ready.set()
        ready.set()

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        for pid in (self._process.pid, *_children(self._process.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _stop(pid: int) -> None:
    """Returns when no thread of it runs any more: on another processor one goes on for a while."""
    os.kill(pid, signal.SIGSTOP)
    end_s = time.monotonic() + STOP_TIMEOUT_S
    while not all(map(_is_stopped, _threads(pid))):
        assert time.monotonic() < end_s, f"process {pid} does not stop"
        time.sleep(0.001)


def _threads(pid: int) -> list[Path]:
    with suppress(FileNotFoundError):
        return list(Path(f"/proc/{pid}/task").iterdir())
    return []


def _is_stopped(thread: Path) -> bool:
    """Whether it does not run any more, for whatever reason."""
    try:
        (_, _, state) = (thread / "stat").read_text().rpartition(") ")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state[0] in "TZX"


def ends_with_tests(by: signal.Signals = signal.SIGKILL) -> list[str]:
    """Begins the command of a process that ends with the thread that starts it, in any case."""
    return ["setpriv", f"--pdeathsig={by.name.removeprefix('SIG')}"]


def free_port() -> int:
    """A port of the loopback where nobody listens, and which the system gives to nobody by chance.

    Whoever is started there later, or again, finds it as free as it is now. Processes that ask at
    the same time begin at places of their own, and none is told the same one soon.
    """
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _ports() -> Iterator[int]:
    """Those below what the system chooses from, over and over, from somewhere on."""
    chosen_from = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = range(LOWEST_PORT, chosen_from) or range(1 << 15, 1 << 16)
    start = random.randrange(len(ports))
    return itertools.chain(ports[start:], itertools.cycle(ports))


_PORTS = _ports()


def _children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found
