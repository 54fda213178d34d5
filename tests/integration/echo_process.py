"""The echo service on the native transport, as a process of its own, whose memory can be told.

    python -m tests.integration.echo_process

Prints its port, and serves until its standard input ends.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from blrcs.transport.native import NativeServer
from tests.conformance.transport.echo import echo_router

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class EchoProcess:
    """A running server."""

    pid: int
    port: int

    def resident_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the kernel does not tell")


@contextmanager
def echo_process() -> Iterator[EchoProcess]:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "_native", ROOT / "_generated")))
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield EchoProcess(process.pid, int(process.stdout.readline()))
        finally:
            process.stdin.close()


async def serve() -> None:
    server = NativeServer(echo_router())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(serve())
