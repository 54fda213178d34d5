"""Changes inputs at random, keeps those that make something new happen, and reports what fails.

    deploy/sanitize PYTHON -m tests.fuzz.fuzz SECONDS [TARGET...]

New is a way through the native code that no input has taken before, or what a target says that has
happened. nghttp2 and protobuf are not ours, and not counted.

Each target runs in a process of its own, which may crash. The input that it crashed on is then in
build/fuzz, as are those that broke an assertion; put beside the corpus they are replayed by the
tests. Those that made something new happen are in a folder of the target's name there, from which
the next run goes on.
"""

import contextlib
import hashlib
import logging
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Hashable
from pathlib import Path

import structlog

from tests.fuzz.corpus import FOLDER
from tests.fuzz.coverage import Coverage
from tests.fuzz.creation import close
from tests.fuzz.targets import TARGETS, Target
from tests.leaks import leaked

FOUND = Path("build/fuzz")
MAX_BYTES = 4_000
INTERESTING = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
)


def changed(content: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """An input near to another one."""
    octets = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        place = chance.randrange(len(octets) + 1)
        span = chance.choice((1, 1, 2, 9, 40))
        match chance.randrange(8):
            case 0:
                del octets[place : place + span]
            case 1:
                octets[place:place] = chance.randbytes(span)
            case 2:
                octets[place : place + span] = chance.randbytes(span)
            case 3:
                octets[place:place] = octets[place : place + span]
            case 4:
                token = chance.choice(INTERESTING)
                octets[place : place + len(token)] = token
            case 5:
                other = chance.choice(others)
                at = chance.randrange(len(other) + 1)
                octets[place:place] = other[at : at + 10 * span]
            case 6 if octets:
                octets[place % len(octets)] ^= 1 << chance.randrange(8)
            case _:
                token = chance.choice((b"\x01", b"\x05", b"\x40", chance.randbytes(1)))
                octets[place : place + 1] = token
    return bytes(octets[:MAX_BYTES])


def run(name: str, seconds: float, seed: int) -> int:
    """Fuzzes one target; the number of inputs that failed."""
    # Refusals are noted in the log of audits.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    target: Target = TARGETS[name]
    chance = random.Random(seed)
    kept = FOUND / name
    kept.mkdir(exist_ok=True)
    pool = [path.read_bytes() for folder in (FOLDER / name, kept) for path in folder.iterdir()]
    coverage = Coverage.of_this_process()
    seen: set[Hashable] = {target(content) for content in pool}
    coverage.gained()
    current = FOUND / f"{name}-current"
    failures = count = 0
    end = time.monotonic() + seconds
    with current.open("wb", buffering=0) as file:
        while time.monotonic() < end:
            content = changed(chance.choice(pool), pool, chance)
            file.seek(0)
            file.truncate()
            file.write(content)
            count += 1
            coverage.begin()
            try:
                happened = target(content)
            except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
                failures += 1
                (FOUND / f"{name}-failed-{seed}-{count}").write_bytes(content)
                traceback.print_exc()
                continue
            if coverage.gained() or happened not in seen:
                seen.add(happened)
                pool.append(content)
                (kept / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    current.unlink()
    print(  # noqa: T201
        f"{name}: {count:,} inputs, {len(pool):,} kept, {coverage.edges:,} edges,"
        f" {failures} failures, seed {seed}"
    )
    return failures


def main() -> int:
    """Runs all targets; 1 where one has failed."""
    FOUND.mkdir(parents=True, exist_ok=True)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    names = sys.argv[2:] or list(TARGETS)
    if names[0] == "--child":
        try:
            return 1 if run(names[1], seconds, int(names[2])) else 0
        finally:
            close()  # what threads that still run refer to would pass for a leak
    failed = False
    for name in names:
        seed = random.SystemRandom().randrange(2**32)
        child = [sys.executable, "-m", "tests.fuzz.fuzz", str(seconds / len(names))]
        ended = subprocess.run([*child, "--child", name, str(seed)], check=False)
        if ended.returncode:
            failed = True
            with contextlib.suppress(FileNotFoundError):
                current = FOUND / f"{name}-current"
                current.rename(FOUND / f"{name}-crashed-{seed}")
                print(f"{name}: crashed; see {FOUND}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    failed = main()
    # Here, where no function of Python runs any more: LeakSanitizer does not see their variables.
    sys.exit(failed or leaked())
