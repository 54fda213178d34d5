"""Samples of a running process's stacks, kernel included, by Linux's perf.

Its clock event needs no counter of the processor, so that it also works in virtual machines. Stacks
are unwound by what the compilers leave for exceptions, so that nothing has to be built anew.
"""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from server_process import on_core

SAMPLES_PER_S = 997
STACK_BYTES = 32_768
LOOP = "uv_run"
FRAME = re.compile(r"^\s+[0-9a-f]+ (?P<symbol>.*?)(?:\+0x[0-9a-f]+)? \((?P<object>[^()]*)\)$")
CYTHON = re.compile(r"^__pyx_(?:f|pf|pw|fuse_\d+pw|tp_\w+?|gb|getprop|setprop)_(?P<name>\d.*)$")
KERNEL = "kernel"
UNKNOWN = "[unknown]"

Stack = tuple[tuple[str, str], ...]
"""The frames from the loop to the innermost: each a function, and the file that it lies in."""


class SamplingError(Exception):
    """perf cannot sample here."""


def sample(pid: int, seconds: float, core: int | None, folder: Path) -> Counter[Stack]:
    """How often each stack was found.

    Raises:
        SamplingError: perf is not there, or may not.
    """
    if shutil.which("perf") is None:
        raise SamplingError("perf is not installed (Debian: linux-perf)")
    target = folder / "perf.data"
    recorded = subprocess.run(
        [
            *(*on_core(core), "perf", "record", "--quiet", "--event=cpu-clock"),
            *(f"--freq={SAMPLES_PER_S}", f"--call-graph=dwarf,{STACK_BYTES}"),
            *(f"--pid={pid}", f"--output={target}", "--", "sleep", str(seconds)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if recorded.returncode != 0:
        raise SamplingError(recorded.stderr.strip() or "perf record failed")
    read = subprocess.run(
        ["perf", "script", "--input", target, "--no-inline", "--fields=ip,sym,symoff,dso"],
        capture_output=True,
        text=True,
        check=True,
    )
    return stacks(read.stdout)


def stacks(text: str) -> Counter[Stack]:
    """Counts the stacks in what ``perf script`` prints: an empty line after each."""
    found: Counter[Stack] = Counter()
    for block in text.split("\n\n"):
        frames = [
            (readable(match["symbol"]), file_of(match["object"]))
            for line in block.splitlines()
            if (match := FRAME.match(line))
        ]
        if frames:
            found[merged(within_loop(tuple(reversed(frames))))] += 1
    return found


def merged(frames: Stack) -> Stack:
    """With one frame for several of a file without symbols that called each other."""
    nameless = (UNKNOWN, "0")
    kept: list[tuple[str, str]] = []
    for function, file in frames:
        named = (
            f"in {Path(file).name.partition('.')[0]}" if function in nameless else function,
            file,
        )
        if function not in nameless or named not in kept[-1:]:
            kept.append(named)
    return tuple(kept)


def within_loop(frames: Stack) -> Stack:
    """Without what lies outside the event loop, and is the same for all."""
    for depth, (function, _) in enumerate(frames):
        if function == LOOP:
            return frames[depth:]
    return frames


def file_of(path: str) -> str:
    if path.startswith("[") and "kernel" in path:
        return KERNEL
    return path if "/" in path else "unknown"


def readable(symbol: str) -> str:
    """A function's name; those that Cython made become module, class and function."""
    match = CYTHON.match(symbol)
    if match is None:
        return symbol.removeprefix("__pyx_")
    rest, parts = match["name"], []
    # Package, module and class come with their lengths before them.
    while length := re.match(r"\d+", rest):
        size, rest = int(length[0]), rest[len(length[0]) :]
        if rest[size : size + 1] not in {"", "_"} or size > len(rest):
            # It was a function's number among those of its class.
            break
        parts.append(rest[:size])
        rest = rest[size + 1 :]
    return ".".join([*parts, rest.lstrip("_")] if rest else parts)
