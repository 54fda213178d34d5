"""Runs ``flood.c``: an abusive client, at full rate, beside whatever else happens."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arrivals import PROGRAM as ARRIVALS
from floods import Flood
from load import LoadError
from server_process import on_core

SOURCE = Path(__file__).parent / "flood.c"
PROGRAM = ARRIVALS.with_name("flood")
# What the attacker gets of its core is what the honest client leaves.
LAST = 19
TIMEOUT_S = 60


@dataclass(slots=True)
class Rate:
    """What a flood came to: connections and bytes in all, and the connections that were ended."""

    opened: int = 0
    sent_bytes: int = 0
    ended: int = 0
    seconds: float = 0


@contextmanager
def flooding(
    flood: Flood, port: int, seconds: float, core: int | None, folder: Path
) -> Iterator[Rate]:
    """Floods a port for so long, at most as long as the block; what it came to is known after it.

    Raises:
        LoadError: The program failed.
    """
    opening, repeated = folder / "flood-opening.bin", folder / "flood-repeated.bin"
    opening.write_bytes(flood.opening)
    repeated.write_bytes(flood.repeated)
    arguments = (
        port, opening, repeated, flood.step, flood.most, flood.after, flood.connections, seconds,
    )  # fmt: skip

    rate = Rate(seconds=seconds)
    process = subprocess.Popen(
        [*on_core(core), "nice", f"--adjustment={LAST}", PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield rate
        said, errors = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise LoadError(f"{PROGRAM} failed: {errors.strip()}")
    rate.opened, rate.sent_bytes, rate.ended = map(int, said.split())
