"""Opens, cancels, resets and abandons streams, and shows that nothing of them stays.

    python -m tests.soak [STREAMS]

Reports resident memory, objects that the collector knows, and descriptors, after a warm-up and at
the end. Exits with 1 where one has grown beyond what a fluctuation explains.
"""

import asyncio
import gc
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc.aio

from blrcs_native.calls.call import Call
from tests.integration.hostile.victim import RawClient, serving
from tests.unit.native.http2.frames import call, data, message, request, reset

DEFAULT_STREAMS = 1_000_000
STREAMS_A_ROUND = 64
ROUNDS_A_CONNECTION = 8
KINDS = 8
MAX_GROWTH_KIB = 8_192
MAX_GROWTH_OBJECTS = 500
OPTIONS = [
    ("blrcs.reset_burst", 1_000_000),
    ("blrcs.frame_burst", 1_000_000),
    ("grpc.max_concurrent_streams", 4 * STREAMS_A_ROUND),
]


async def echo(body: bytes, _: Call) -> bytes:
    return body


async def waiting(_: bytes, call: Call) -> bytes:
    call.add_done_callback(lambda _: None)
    await asyncio.sleep(3_600)
    return b""


async def deadline(_: bytes, call: Call) -> bytes:
    async with asyncio.timeout(3_600):
        await asyncio.sleep(0)
        raise KeyError(call.time_remaining())


async def echo_all(_: Any, call: Call) -> None:
    while (body := await call.read()) is not grpc.aio.EOF:
        await call.write(body)


HANDLERS = {
    "/e/Echo": echo,
    "/e/Waiting": waiting,
    "/e/Deadline": deadline,
    "/e/Stream": echo_all,
}


@dataclass(frozen=True)
class Footprint:
    """What a process holds."""

    resident_kib: int
    objects: int
    descriptors: int

    @classmethod
    def now(cls) -> Self:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            pages * os.sysconf("SC_PAGE_SIZE") // 1024,
            len(gc.get_objects()),
            len(list(Path("/proc/self/fd").iterdir())),
        )

    def __str__(self) -> str:
        return (
            f"{self.resident_kib:,} KiB, {self.objects:,} objects, {self.descriptors} descriptors"
        )


def life(stream: int, index: int) -> bytes:
    """What a client sends of one stream, in one of the ways to treat a server."""
    deadline_field = (b"grpc-timeout", b"1n")
    large = message(bytes(100_000))[:50_000]
    return (
        call(stream, b"/e/Echo", b"hello"),
        call(stream, b"/e/Echo", b"hello") + reset(stream),
        call(stream, b"/e/Waiting"),
        call(stream, b"/e/Waiting", b"", deadline_field),
        call(stream, b"/e/Deadline", b"", (b"x-%d" % (stream % 5_000), b"%d" % stream)),
        request(stream, b"/e/Echo") + data(stream, large),
        request(stream, b"/e/Stream") + data(stream, message(b"x") * 3),
        request(stream, b"/e/Stream") + data(stream, large + message(b"x")),
    )[index % KINDS]


async def one_connection(port: int, rounds: int) -> int:
    """Rounds of streams, half of which are reset; the rest is abandoned with the connection."""
    client = await RawClient.connect(port)
    stream = 1
    for _ in range(rounds):
        ids = range(stream, stream + 2 * STREAMS_A_ROUND, 2)
        stream += 2 * STREAMS_A_ROUND
        await client.send(b"".join(life(each, index) for index, each in enumerate(ids)))
        await client.send(b"".join(reset(each) for each in ids[: STREAMS_A_ROUND // 2]))
        await client.send(call(stream, b"/e/Echo"))
        mark = stream
        await client.until(lambda each, mark=mark: each.stream == mark and each.ends_stream)
        await client.send(b"".join(reset(each) for each in ids[STREAMS_A_ROUND // 2 : -8]))
        stream += 2
    await client.close()
    return rounds * STREAMS_A_ROUND


async def soak(streams: int) -> tuple[Footprint, Footprint]:
    """The footprint after a fifth of the streams, and after all."""
    done = 0
    before: Footprint | None = None
    async with serving(OPTIONS, handlers=HANDLERS) as victim:
        while done < streams:
            done += await one_connection(victim.port, ROUNDS_A_CONNECTION)
            if before is None and done >= streams // 5:
                await victim.until(lambda: victim.server.running_calls == 0)
                before = Footprint.now()
        await victim.until(lambda: victim.server.running_calls == 0)
        await victim.until(lambda: victim.server.connections == 0)
        after = Footprint.now()
    assert before is not None
    return before, after


def grown(before: Footprint, after: Footprint) -> list[str]:
    """What has grown beyond a fluctuation."""
    return [
        name
        for name, most in (
            ("resident_kib", MAX_GROWTH_KIB),
            ("objects", MAX_GROWTH_OBJECTS),
            ("descriptors", 0),
        )
        if getattr(after, name) - getattr(before, name) > most
    ]


def main() -> int:
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_STREAMS
    began = time.monotonic()
    before, after = asyncio.run(soak(streams))
    print(f"{streams:,} streams in {time.monotonic() - began:.0f} s")  # noqa: T201
    print(f"after a fifth: {before}")  # noqa: T201
    print(f"at the end:    {after}")  # noqa: T201
    problems = grown(before, after)
    if problems:
        kinds = Counter(type(each).__name__ for each in gc.get_objects())
        print(f"grown: {', '.join(problems)}; most are {kinds.most_common(8)}")  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
