"""``blrcs`` as a user starts it: processes of their own, in folders of their own."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 180
"""Far above what a start takes, for machines that do much else at the same time."""
STOP_TIMEOUT_S = 60


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for a process: this checkout on the path, none of the developer's settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("BLRCS_")}
    path = [ROOT, ROOT / "_native", ROOT / "_generated", *filter(None, [own.get("PYTHONPATH")])]
    return own | {
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "BLRCS_METRICS__PORT": "0",
        # Whatever cores the machine has: tests of several workers ask for them.
        "BLRCS_SERVER__WORKERS": "1",
        # The least that is safe: every server would measure, and every sign-in take twice as long.
        "BLRCS_AUTH__PASSWORD__HASH_TIME": "0s",
        "NO_COLOR": "1",
        **(extra or {}),
    }


def blrcs(
    *arguments: str | Path,
    cwd: Path,
    environ: Mapping[str, str] | None = None,
    max_file_bytes: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a command of the program to its end; what writes a file to its largest size fails."""
    limit = [] if max_file_bytes is None else ["prlimit", f"--fsize={max_file_bytes}", "--"]
    return subprocess.run(
        [*limit, sys.executable, "-m", "blrcs", *map(str, arguments)],
        cwd=cwd,
        env=environment(environ),
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )


def on_terminal(
    *arguments: str | Path, cwd: Path, environ: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Runs a command to its end with a terminal for its messages: its code, and what that got."""
    shown, terminal = pty.openpty()
    with os.fdopen(shown, "rb", buffering=0) as screen:
        process = subprocess.Popen(
            [sys.executable, "-m", "blrcs", *map(str, arguments)],
            cwd=cwd,
            env=environment({"TERM": "xterm", "COLUMNS": "120", **(environ or {})}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
        )
        os.close(terminal)
        text = b""
        # Where nobody has the terminal open any more, Linux says so by EIO.
        with contextlib.suppress(OSError):
            while some := screen.read(1 << 16):
                text += some
        return process.wait(STOP_TIMEOUT_S), text.decode()


class Server:
    """A ``blrcs serve`` on free ports, with ``directory`` as its working directory.

    Its data lies in ``directory/data`` unless ``arguments`` say otherwise. It logs to ``log`` or,
    without one, to what is told here. ``program`` is what Python runs.
    """

    def __init__(
        self,
        directory: Path,
        arguments: Sequence[str | Path] = (),
        environ: Mapping[str, str] | None = None,
        log: IO[bytes] | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
        program: Sequence[str] = ("-m", "blrcs"),
    ) -> None:
        self.directory = directory
        self._start_timeout_s = start_timeout_s
        self._process = subprocess.Popen(
            [sys.executable, *program, "serve", "--port", "0", *map(str, arguments)],
            cwd=directory,
            env=environment(environ),
            stdout=subprocess.PIPE,
            stderr=log or subprocess.PIPE,
            text=True,
        )
        self._read = threading.Condition()
        self._texts = {"stdout": ""} if log else {"stdout": "", "stderr": ""}
        self._open = len(self._texts)
        self._readers = [
            threading.Thread(
                target=self._collect, args=(name, getattr(self._process, name)), daemon=True
            )
            for name in self._texts
        ]
        for reader in self._readers:
            reader.start()

    @property
    def address(self) -> str:
        """``host:port`` of the first address that it serves, once it does."""
        return self.wait_for(r"Serving gRPC on (\S+) \(")[1]

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return self.wait_for(r"Metrics on (\S+)\n")[1]

    def metrics(self) -> str:
        """What its metrics are now."""
        with urllib.request.urlopen(self.metrics_url, timeout=STOP_TIMEOUT_S) as page:
            text: str = page.read().decode()
        return text

    @property
    def password(self) -> str:
        """The one-time password of the administrator that this start made."""
        return self.wait_for(r"one-time password[^\n]*\n\n +(\S+)\n")[1]

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._texts["stdout"]

    @property
    def stderr(self) -> str:
        """What it has logged so far."""
        return self._texts.get("stderr", "")

    @property
    def process_id(self) -> int:
        """The process's number."""
        return self._process.pid

    def wait_for(self, pattern: str, *, source: str = "stdout") -> re.Match[str]:
        """Waits until its output matches; AssertionError if it ends before that."""
        with self._read:
            self._read.wait_for(
                lambda: re.search(pattern, self._texts[source]) or not self._open,
                self._start_timeout_s,
            )
            match = re.search(pattern, self._texts[source])
        assert match, f"no {pattern!r} in\n{self.stdout}\n{self.stderr}"
        return match

    def wait_for_child(self) -> None:
        """Waits until it has started a process."""
        children = Path(f"/proc/{self.process_id}/task/{self.process_id}/children")
        end = time.monotonic() + START_TIMEOUT_S
        while not children.read_text():
            assert time.monotonic() < end, "it starts no process"
            assert self._process.poll() is None, f"it has ended\n{self.stderr}"
            time.sleep(0.001)

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Waits for its end and returns its exit code."""
        code = self._process.wait(STOP_TIMEOUT_S)
        for reader in self._readers:
            reader.join(STOP_TIMEOUT_S)
            assert not reader.is_alive(), "a process that it has started outlives it"
        return code

    def stop(self) -> int:
        """Has it drain, and returns its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def end_at_once(self) -> None:
        """Has the kernel end it wherever it is; does not wait for that."""
        self._process.kill()

    def kill(self) -> None:
        """Ends it whatever it does, for the end of a test."""
        self.end_at_once()
        self.wait()

    def _collect(self, name: str, pipe: IO[str]) -> None:
        with pipe:
            while line := pipe.readline():
                with self._read:
                    self._texts[name] += line
                    self._read.notify_all()
        with self._read:
            self._open -= 1
            self._read.notify_all()


def leave_data(directory: Path, **environ: str) -> Path:
    """The data directory of a server with the built-in services that has started and stopped."""
    server = Server(directory, environ=environ)
    try:
        assert server.address
        assert server.stop() == 0
    finally:
        server.kill()
    return directory / "data"
