"""Load on one method, over real sockets, from a core of its own.

h2load makes it where it is installed (Debian: nghttp2-client), since it costs little beside the
server. Elsewhere grpc.aio clients do, in a process that runs this file; they are slower than the
servers measured, so that requests per second are then the client's figure, while the server's own
processor time for each call remains right.
"""

import argparse
import asyncio
import json
import re
import shutil
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
from server_process import on_core

CONNECTIONS = 8
STREAMS = 16
RESULT = re.compile(r"finished in ([\d.]+)(us|ms|s), .*?(\d+) succeeded", re.DOTALL)
BODIES = re.compile(r"\((\d+)\) data\b")
CIPHER = re.compile(r"^Cipher: (\S+)", re.MULTILINE)
# One cipher for every server, so that none gains by its choice; h2load names what was agreed on.
CIPHERS = ("--ciphers=ECDHE-ECDSA-AES128-GCM-SHA256", "--tls13-ciphers=TLS_AES_128_GCM_SHA256")
SECONDS_PER_UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent, and what must come back.

    ``metadata`` goes with every call; ``request`` and ``reply`` are serialized messages, of which a
    call sends ``sends`` and gets ``replies``. Every call must be answered with them, byte for byte
    or, where h2load counts, in length. ``reply`` is None where its length may vary: then each call
    must have one, and whoever makes the load sees to the rest. A call that is ``refused`` must have
    none; that its status is the right one is seen to by whoever makes the load.
    """

    port: int
    method: str
    metadata: tuple[tuple[str, str], ...]
    request: bytes
    reply: bytes | None
    core: int | None = None
    sends: int = 1
    replies: int = 1
    connections: int = CONNECTIONS
    streams: int = STREAMS
    tls: bool = False
    refused: bool = False


class LoadError(Exception):
    """Some call was not answered as it must be."""


def generator() -> str:
    """What makes the load on this machine."""
    return "grpc.aio" if shutil.which("h2load") is None else "h2load"


def run_load(load: Load, calls: int, folder: Path) -> float:
    """Makes ``calls`` calls, and returns the seconds that they took; files go into ``folder``.

    Raises:
        LoadError: Not every call was answered with the reply.
    """
    return run_h2load(load, calls, folder) if generator() == "h2load" else run_grpc(load, calls)


def framed(message: bytes) -> bytes:
    """A message as gRPC frames it: not compressed (0), its length, itself."""
    return struct.pack(">BI", 0, len(message)) + message


def run_h2load(load: Load, calls: int, folder: Path) -> float:
    return read_h2load(run_pinned(h2load_command(load, calls, folder), load.core), load, calls)


def h2load_command(load: Load, calls: int, folder: Path) -> list[str]:
    body = folder / "request.bin"
    body.write_bytes(framed(load.request) * load.sends)
    headers = (("content-type", "application/grpc"), ("te", "trailers"), *load.metadata)
    return [
        "h2load",
        f"--requests={calls}",
        f"--clients={load.connections}",
        f"--max-concurrent-streams={load.streams}",
        f"--data={body}",
        *(f"--header={name}: {value}" for name, value in headers),
        *(CIPHERS if load.tls else ()),
        f"{'https' if load.tls else 'http'}://127.0.0.1:{load.port}{load.method}",
    ]


def read_h2load(output: str, load: Load, calls: int) -> float:
    finished = RESULT.search(output)
    bodies = BODIES.search(output)
    if finished is None or bodies is None:
        raise LoadError(output)
    # A call that ends with an error has no message, so the bytes tell how many replies there were.
    size = int(bodies[1])
    if load.refused:
        is_whole = size == 0
    elif load.reply is None:
        is_whole = size > 0
    else:
        is_whole = size == calls * load.replies * len(framed(load.reply))
    if int(finished[3]) != calls or not is_whole:
        raise LoadError(f"not all of {calls} calls were answered with the reply:\n{output}")
    return float(finished[1]) * SECONDS_PER_UNIT[finished[2]]


def cipher_of(load: Load, folder: Path) -> str:
    """The cipher that a server with TLS agrees on with h2load."""
    found = CIPHER.search(run_pinned(h2load_command(load, load.connections, folder), load.core))
    return "none" if found is None else found[1]


def run_grpc(load: Load, calls: int) -> float:
    if load.reply is None or load.sends != 1 or load.replies != 1 or load.tls or load.refused:
        raise LoadError("only h2load makes this load, and it is not installed")
    described = asdict(load) | {"request": load.request.hex(), "reply": load.reply.hex()}
    command = [sys.executable, __file__, json.dumps(described), str(calls)]
    return float(run_pinned(command, load.core))


def run_pinned(command: list[str], core: int | None) -> str:
    """The output of a program that runs on one core."""
    done = subprocess.run([*on_core(core), *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LoadError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


async def call_by_grpc(load: Load, calls: int) -> float:
    """Seconds for ``calls`` calls by grpc.aio clients in this process."""
    remaining = iter(range(calls))

    async def work(call: Any) -> None:
        for _ in remaining:
            if await call(load.request, metadata=load.metadata) != load.reply:
                raise LoadError("a call was answered with something else")

    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{load.port}", options)
        for _ in range(load.connections)
    ]
    methods = [channel.unary_unary(load.method) for channel in channels]
    start = time.perf_counter()
    await asyncio.gather(*(work(method) for method in methods for _ in range(load.streams)))
    seconds = time.perf_counter() - start
    await asyncio.gather(*(channel.close() for channel in channels))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("load", type=json.loads)
    parser.add_argument("calls", type=int)
    arguments = parser.parse_args()
    described = arguments.load
    load = Load(
        port=described["port"],
        method=described["method"],
        metadata=tuple((name, value) for name, value in described["metadata"]),
        request=bytes.fromhex(described["request"]),
        reply=bytes.fromhex(described["reply"]),
        connections=described["connections"],
        streams=described["streams"],
    )
    print(asyncio.run(call_by_grpc(load, arguments.calls)))


if __name__ == "__main__":
    main()
