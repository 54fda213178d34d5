"""Kills a server under write load, again and again, and has its disk fail; nothing may be lost.

    python -m tests.torture.torture [--cycles N] [--database sqlite|postgresql]

Each cycle starts ``blrcs serve``, compares what the cycle before was told with what is there,
writes from several callers at once, and kills the server with SIGKILL at a random acknowledgement.
Afterwards the n-th write or sync of the database's files fails, for many n, with EIO and ENOSPC,
once and for good. No acknowledged write may be lost, none applied twice, no batch torn, and the
change feed has neither a gap nor another order. Where servers are killed, the audit log has each
acknowledged write once, and no gap. Exits with 1 where one is.
"""

import argparse
import asyncio
import errno
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import grpc

from blrcs.v1 import record_pb2, record_pb2_grpc
from tests.building import building, is_newer
from tests.e2e.server import ROOT, Server
from tests.e2e.workers import FIRST_PASSWORD, administrator
from tests.servers.postgresql import PostgresqlServer, postgresql
from tests.torture.feed import Feed
from tests.torture.forked_server import ForkedServer
from tests.torture.trail import METHODS, Trail
from tests.torture.workload import BrokenPromiseError, Metadata, Workload

DEFAULT_CYCLES = 1_000
MAX_ACKNOWLEDGEMENTS = 150
SERVER_KILLS = 10
"""One in so many cycles ends PostgreSQL too."""
FAULTS = 40
"""The first so many operations fail, one in each cycle."""
FOR_EVER = 1_000_000
START_TIMEOUT_S = 600
"""A server that is slow to start has lost nothing: the machine may be busy for hours."""
SEED = 7
SOURCE = Path(__file__).with_name("faults.c")
LIBRARY = ROOT / "build/faults.so"


class Torture:
    """One database, and the servers that are killed on it.

    Args:
        directory: The servers' own.
        environ: What they are started with.
        seed: Of all that is by chance.
        is_audited: Whether each write is recorded, too: another file that a disk may fail.
    """

    def __init__(
        self,
        directory: Path,
        environ: Mapping[str, str],
        seed: int = SEED,
        *,
        is_audited: bool = False,
    ) -> None:
        self.directory = directory
        self._trail = Trail(directory / "data") if is_audited else None
        self._environ = {
            **environ,
            "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
            "BLRCS_AUTH__ACCESS_TOKEN_TTL": "1d",
            "BLRCS_POLICIES": json.dumps(
                {
                    **{f"/blrcs.v1.{name}Service/*": {"limits": []} for name in ("Auth", "User")},
                    **{name: {"audit": "request"} for name in METHODS if is_audited},
                }
            ),
        }
        self._random = random.Random(seed)
        self._names = (f"c{number}" for number in itertools.count())
        self._last: Workload | None = None
        self._feed: Feed | None = None
        self._metadata: Metadata = []

    async def begin(self) -> None:
        """Makes the collection."""
        server = await asyncio.to_thread(self._start, {})
        with grpc.insecure_channel(server.address) as channel:
            self._metadata = await asyncio.to_thread(administrator, [channel, channel])
            record_pb2_grpc.RecordServiceStub(channel).CreateCollection(
                record_pb2.CreateCollectionRequest(
                    parent="tenants/torture", collection_id="records", collection={}
                ),
                metadata=self._metadata,
            )
        async with channel_to(server) as channel:
            self._feed = Feed(self._metadata)
            await self._feed.begin(channel)
        await asyncio.to_thread(server.kill)

    async def cycle(self, faults: "Faults | None" = None) -> int:
        """One life of a server; how many writes it acknowledged."""
        server = await asyncio.to_thread(self._start, faults.environ if faults else {})
        try:
            async with channel_to(server) as channel:
                await self._verify(channel)
                workload = self._last = Workload(next(self._names), self._metadata)
                await workload.prepare(channel)
                if faults is not None:
                    faults.arm()
                await workload.run(
                    channel, self._random.randint(1, MAX_ACKNOWLEDGEMENTS), server.end_at_once
                )
        finally:
            await asyncio.to_thread(server.kill)
        return workload.acknowledgements

    async def verify(self) -> None:
        """Compares all that is left to compare."""
        server = await asyncio.to_thread(self._start, {})
        try:
            async with channel_to(server) as channel:
                await self._verify(channel)
                assert self._feed is not None
                await self._feed.verify(channel)
            if self._trail is not None:
                self._trail.verify()
        finally:
            await asyncio.to_thread(server.kill)

    def _start(self, environ: Mapping[str, str]) -> Server | ForkedServer:
        own = {**self._environ, **environ}
        server: Server | ForkedServer
        if environ:
            # A library is loaded before all others by a process of its own.
            server = Server(self.directory, (), own, start_timeout_s=START_TIMEOUT_S)
        else:
            server = ForkedServer(self.directory, own, START_TIMEOUT_S)
        assert server.address
        return server

    async def _verify(self, channel: grpc.aio.Channel) -> None:
        if self._last is not None:
            await self._last.verify(channel)
            if self._trail is not None:
                self._trail.compare(self._last)
        if self._feed is not None:
            await self._feed.catch_up(channel)


class Faults:
    """Writes and syncs below a folder that fail, once they are armed."""

    def __init__(self, directory: Path, below: Path, nth: int, error: int, times: int) -> None:
        self._plan = directory / "faults"
        self._plan.unlink(missing_ok=True)
        self._text = f"{nth} {error} {times}"
        self.environ = {
            "LD_PRELOAD": str(LIBRARY),
            "FAULTS_BELOW": str(below.resolve()),
            "FAULTS_PLAN": str(self._plan),
        }

    def arm(self) -> None:
        """From now on they are counted."""
        ready = self._plan.with_suffix(".ready")
        ready.write_text(self._text)
        ready.rename(self._plan)

    def disarm(self) -> None:
        """From now on none fails, until it is armed again."""
        self._plan.unlink()


def build_faults() -> None:
    """Compiles what has files fail."""
    with building(LIBRARY.parent):
        if not is_newer(LIBRARY, SOURCE):
            options = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
            subprocess.run(["cc", *options, "-o", LIBRARY, SOURCE, "-ldl"], check=True)


@asynccontextmanager
async def channel_to(server: Server | ForkedServer) -> AsyncIterator[grpc.aio.Channel]:
    """A channel with a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(server.address, options) as channel:
        yield channel


async def torture(
    directory: Path, environ: Mapping[str, str], cycles: int, database: PostgresqlServer | None
) -> None:
    """So many lives and deaths."""
    tortured = Torture(directory, environ, is_audited=True)
    await tortured.begin()
    start = time.monotonic()
    written = 0
    for cycle in range(1, cycles + 1):
        written += await tortured.cycle()
        if database is not None and cycle % SERVER_KILLS == 0:
            # Here, since it ends with the thread that starts it.
            database.kill_all()
            database.start()
        if cycle % 10 == 0:
            seconds = time.monotonic() - start
            print(f"{cycle} cycles, {written} writes acknowledged, {seconds:.0f} s", flush=True)
    await tortured.verify()


async def fail_disk(directory: Path, count: int) -> None:
    """The first writes and syncs of a SQLite fail, one in each life of a server."""
    tortured = Torture(directory, {})
    await tortured.begin()
    data = directory / "data"
    for error, times in itertools.product((errno.EIO, errno.ENOSPC), (1, FOR_EVER)):
        for nth in range(1, count + 1):
            await tortured.cycle(Faults(directory, data, nth, error, times))
            await tortured.verify()
        print(f"{count} operations failed with {errno.errorcode[error]}, {times} at a time")


@contextmanager
def place_of(database: str) -> Iterator[tuple[Mapping[str, str], PostgresqlServer | None]]:
    """The settings for a database of its own, and the server where there is one."""
    if database == "sqlite":
        yield {}, None
        return
    with postgresql({}) as server:
        server.start_timeout_s = START_TIMEOUT_S
        yield {"BLRCS_DATABASE__URL": server.url()}, server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=DEFAULT_CYCLES)
    parser.add_argument("--faults", type=int, default=FAULTS)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    arguments = parser.parse_args()
    build_faults()
    try:
        for name in arguments.database or ("sqlite", "postgresql"):
            print(f"{name}:", flush=True)
            with tempfile.TemporaryDirectory() as folder, place_of(name) as (environ, server):
                asyncio.run(torture(Path(folder), environ, arguments.cycles, server))
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(fail_disk(Path(folder), arguments.faults))
    except BrokenPromiseError as error:
        print(f"broken: {error}", file=sys.stderr)
        return 1
    print("no acknowledged write was lost, none applied twice; feed and audit log have no gap")
    return 0


if __name__ == "__main__":
    sys.exit(main())
