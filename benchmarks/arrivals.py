"""Runs ``arrivals.c``: calls at random instants, with every answer checked."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from load import Load, LoadError, framed, run_pinned

HERE = Path(__file__).parent
SOURCE = HERE / "arrivals.c"
PROGRAM = HERE.parent / "build/peers/arrivals"


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls took, from the instant at which they were to begin."""

    p50_ns: float
    p99_ns: float
    p999_ns: float


def failure_of_build(source: Path = SOURCE, program: Path = PROGRAM) -> str | None:
    """Compiles a program; None where that went well, else why it did not."""
    if shutil.which("cc") is None:
        return "cc not installed"
    program.parent.mkdir(parents=True, exist_ok=True)
    command = ["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", source, "-o", program, "-lnghttp2", "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return f"cannot be built: {done.stderr.strip().splitlines()[-1]}"


def check(load: Load, calls: int, folder: Path) -> None:
    """Makes ``calls`` calls, as many at once as the load says, and checks each answer.

    Raises:
        LoadError: One had another grpc-status than 0, or other messages than it must have.
    """
    run(load, calls, 0, folder)


def latency(
    load: Load,
    calls_per_s: float,
    seconds: float,
    folder: Path,
    *,
    prefix: Sequence[str] = (),
    asleep: bool = False,
) -> Latency:
    """Calls that begin ``calls_per_s`` times a second on average, as in a Poisson process.

    Args:
        load: What is called.
        calls_per_s: The rate.
        seconds: About how long.
        folder: For files of the generator.
        prefix: A command that starts the generator, before its own.
        asleep: Whether it leaves its core to others while there is nothing to do.

    Raises:
        LoadError: As for :func:`check`.
    """
    calls = max(1, round(calls_per_s * seconds))
    options = ("--asleep",) if asleep else ()
    words = run(load, calls, calls_per_s, folder, prefix=prefix, options=options).split()
    return Latency(*(float(word) for word in words[1:4]))


def run(
    load: Load,
    calls: int,
    calls_per_s: float,
    folder: Path,
    *,
    prefix: Sequence[str] = (),
    options: Sequence[str] = (),
) -> str:
    if load.reply is None:
        raise LoadError("this generator compares answers byte for byte")
    request, reply = framed(load.request) * load.sends, framed(load.reply) * load.replies
    return _run(load, request, reply, calls, calls_per_s, folder, (*prefix,), (*options,))


def seconds_of_many(load: Load, answers: Mapping[bytes, bytes], calls: int, folder: Path) -> float:
    """Seconds for calls that send the requests in turn, each with the answer that it must have.

    Raises:
        LoadError: As for :func:`check`.
    """
    requests = b"".join(map(framed, answers))
    replies = b"".join(map(framed, answers.values()))
    words = _run(load, requests, replies, calls, 0, folder, (), ("--many",)).split()
    return float(words[0])


def _run(
    load: Load,
    requests: bytes,
    replies: bytes,
    calls: int,
    calls_per_s: float,
    folder: Path,
    prefix: tuple[str, ...],
    options: tuple[str, ...],
) -> str:
    if load.tls:
        raise LoadError("this generator speaks plain text")
    request, reply = folder / "arrivals-request.bin", folder / "arrivals-reply.bin"
    request.write_bytes(requests)
    reply.write_bytes(replies)
    arguments = (
        *options,
        load.port,
        load.method,
        request,
        reply,
        load.connections,
        load.streams,
        calls,
        calls_per_s,
        *(word for pair in load.metadata for word in pair),
    )
    return run_pinned([*prefix, str(PROGRAM), *map(str, arguments)], load.core)
