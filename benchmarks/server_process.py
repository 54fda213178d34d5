"""A server under measurement: a process on a core of its own, and what it used."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

STOP_TIMEOUT_S = 10
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Raises the soft limit of open files to the hard one.
ALL_FILES = ("sh", "-c", 'ulimit -Sn "$(ulimit -Hn)" && exec "$@"', "sh")


class StartError(Exception):
    """The server ended before it printed its port."""


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server: the process that was started, and its port on the loopback."""

    pid: int
    port: int


def cores() -> tuple[int | None, int | None]:
    """A core for the server and one for the load; None where there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return (available[0], available[1]) if len(available) > 1 else (None, None)


def on_core(core: int | None) -> list[str]:
    """What stands before a command that is to run on one core alone."""
    # Not by a function between fork and exec: grpc's own, which would run there too, fail at times.
    return [] if core is None else ["taskset", "--cpu-list", str(core)]


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    core: int | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    port: str = r"(\d+)$",
    errors: Path | None = None,
) -> Iterator[ServerProcess]:
    """Starts a server that prints its port; stops it when the block ends.

    Args:
        command: What to start.
        core: The core that it runs on alone.
        environ: Variables beside those of this process.
        cwd: Its working directory.
        port: Finds the port in a line of its output.
        errors: A file for its standard error, which else is this process's.

    Raises:
        StartError: It ended instead.
    """

    with errors.open("wb") if errors else nullcontext() as log:
        process = subprocess.Popen(
            [*on_core(core), *ALL_FILES, *(str(word) for word in command)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | dict(environ or {}),
            cwd=cwd,
        )
    try:
        yield ServerProcess(process.pid, printed_port(process, port))
    finally:
        stop(process)


def printed_port(process: "subprocess.Popen[str]", pattern: str) -> int:
    for line in process.stdout or ():
        if match := re.search(pattern, line.rstrip()):
            return int(match[1])
    raise StartError(f"{process.args} did not start")


def stop(process: "subprocess.Popen[str]") -> None:
    """Tells a process to end, and ends it where it does not listen; says if it had ended before."""
    if process.poll() is not None:
        print(f"{process.args} ended by itself: {process.returncode}", file=sys.stderr)
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def family(pid: int) -> list[int]:
    """A process and its descendants: some servers work in a child."""
    found = [pid]
    for each in found:
        tasks = Path(f"/proc/{each}/task").glob("*/children")
        found += [int(child) for task in tasks for child in task.read_text("ascii").split()]
    return found


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its descendants, all threads, user and system (proc(5))."""
    return sum(
        (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        for each in family(pid)
        if (fields := Path(f"/proc/{each}/stat").read_text("ascii").rpartition(")")[2].split())
    )


def resident_bytes(pid: int) -> int:
    """Memory of a process and its descendants, shared pages counted in proportion (PSS)."""
    total = 0
    for each in family(pid):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def forget_peak(pid: int) -> int:
    """Has the kernel forget the most memory that a process held so far; what it holds now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")
    return status_bytes(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """The most memory that a process has held since then."""
    return status_bytes(pid, "VmHWM")


def status_bytes(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"the kernel does not tell {name}")
