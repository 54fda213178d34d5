"""``blrcs serve`` in a process that need not import it: what is tried is its end, not its start."""

import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from tests.e2e.server import environment

IMPORTED = ("blrcs.app", "blrcs.cli.serve", "uvloop", "tests.torture.forked_server")
# Nine tenths of a start are imports. A process that has them, and has opened nothing, forks.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(list(IMPORTED))
CHUNK_BYTES = 65_536


class ForkedServer:
    """A server on a free port, with ``directory`` as its working directory; it logs to a file."""

    def __init__(self, directory: Path, environ: Mapping[str, str], start_timeout_s: float) -> None:
        self._log = directory / "log"
        self._start_timeout_s = start_timeout_s
        self._stdout, writer = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(
            target=_serve, args=(writer, self._log, directory, environment(environ)), daemon=True
        )
        self._process.start()
        writer.close()
        self._text = ""

    @property
    def address(self) -> str:
        """``host:port``, once it serves; AssertionError if it ends before that."""
        while not (match := re.search(r"Serving gRPC on (\S+) \(", self._text)):
            assert self._stdout.poll(self._start_timeout_s), self._told
            read = os.read(self._stdout.fileno(), CHUNK_BYTES)
            assert read, self._told
            self._text += read.decode()
        return match[1]

    def end_at_once(self) -> None:
        """Has the kernel end it wherever it is; does not wait for that."""
        self._process.kill()

    def kill(self) -> None:
        """Ends it; returns when it has ended."""
        self.end_at_once()
        self._process.join()
        self._process.close()
        self._stdout.close()

    @property
    def _told(self) -> str:
        return f"it does not serve\n{self._text}\n{self._log.read_text()[-10_000:]}"


def _serve(stdout: Connection, log: Path, directory: Path, environ: Mapping[str, str]) -> None:
    """Becomes the server."""
    _end_with_parent()
    with log.open("ab") as stderr:
        os.dup2(stderr.fileno(), sys.stderr.fileno())
    os.dup2(stdout.fileno(), sys.stdout.fileno())
    stdout.close()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environ)
    _run(["serve", "--port", "0"])


def _run(arguments: Sequence[str]) -> None:
    from blrcs.cli import main

    sys.argv = ["blrcs", *arguments]
    # What the process that forks has set for itself.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    main()


def _end_with_parent() -> None:
    """Whoever forks ends with the process that tests, however that ends."""
    import ctypes

    set_parent_death_signal = 1  # PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
