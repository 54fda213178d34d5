"""A disk whose flushes take a stated time longer, for programs that are started with it."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("slow_flush.c")


def slow_flush(folder: Path, microseconds: int) -> dict[str, str]:
    """The environment of a program whose fsync and fdatasync take so much longer.

    Args:
        folder: Where the library is built, by the system's C compiler.
        microseconds: How much.
    """
    library = folder / "slow_flush.so"
    command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "BENCH_FLUSH_US": str(microseconds)}
