"""Two servers as on two machines, which have one key in common."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc

from tests.e2e.conftest import Start
from tests.e2e.server import Server

KEY_FILE = "signing_key.pem"


def start_two(
    start: Start, directory: Path, *, workers: str = "1", shared: str = KEY_FILE, **environ: str
) -> list[Server]:
    """The first has one worker, and the second the same file as its administrator puts it there."""
    first = start("--data", directory / "first", "--workers", "1", **environ)
    assert first.address
    (directory / "second").mkdir(mode=0o700)
    shutil.copy2(directory / "first" / shared, directory / "second" / shared)
    return [first, start("--data", directory / "second", "--workers", workers, **environ)]


@contextmanager
def channels_of(servers: list[Server]) -> Iterator[list[grpc.Channel]]:
    """One to each of them."""
    with ExitStack() as stack:
        yield [stack.enter_context(grpc.insecure_channel(each.address)) for each in servers]
