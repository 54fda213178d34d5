"""``blrcs records import`` beside the bulk loads of the drivers.

The same file goes into a running server by the command, and into a table by a driver alone. The
server has a core to itself, and so has a driver; the command, and PostgreSQL's own processes, have
another one. The command is measured from its start to its end, of which an eighth of a second is
what Python takes to begin: with few lines that would be most of it. Its processor time is shown
too: what is left of the server's core is what an import costs there.
"""

import itertools
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import orjson
from bench_records import database_beside_the_load
from harness import Claim, Report, Timing, main, versions
from load import LoadError, run_pinned
from record_scenario import TENANT, RecordServer, data, record_server
from server_process import cores, cpu_seconds
from transport_peers import PYTHONPATH

from blrcs.v1 import record_pb2

LINES = 100_000
BULK = Path(__file__).with_name("peers") / "bulk_load.py"
IMPORT_SQLITE = "records import, SQLite"
IMPORT_POSTGRESQL = "records import, PostgreSQL"
SERVER = ", the server's processor time"
CLIENT = ", the command's processor time"
EXECUTEMANY_SQLITE = "sqlite3's executemany"
EXECUTEMANY_POSTGRESQL = "asyncpg's executemany"
COPY_POSTGRESQL = "asyncpg's copy_records_to_table"


class Run:
    """One run: its folder with the file, its cores, and nanoseconds for each record."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.server_core, self.load_core = cores()
        self.rounds_ns: dict[str, list[float]] = {}
        self.file = folder / "people.jsonl"
        self.file.write_bytes(
            b"".join(
                orjson.dumps({"id": f"r{number}", "data": data(number)}) + b"\n"
                for number in range(LINES)
            )
        )
        self._numbers = itertools.count()

    def server(self, name: str, environ: dict[str, str]) -> RecordServer:
        return self.stack.enter_context(
            record_server(self.folder / name, self.server_core, environ)
        )

    def bulk(self, name: str, how: str, database: str) -> None:
        command = [sys.executable, str(BULK), how, database, str(self.file)]
        self._add(name, float(run_pinned(command, self.server_core)))

    def import_(self, name: str, server: RecordServer) -> None:
        parent = self._collection(server)
        token = self.folder / "token"
        token.write_text(dict(server.metadata)["authorization"].removeprefix("Bearer "))
        address = f"--server=127.0.0.1:{server.process.port}"
        command = ["records", "import", parent, str(self.file), address, f"--token-file={token}"]
        os.environ["PYTHONPATH"] = PYTHONPATH
        served_s = cpu_seconds(server.process.pid)
        used_s = _children_s()
        start = time.perf_counter()
        run_pinned([sys.executable, "-m", "blrcs", *command, "--quiet"], self.load_core)
        self._add(name, time.perf_counter() - start)
        self._add(name + SERVER, cpu_seconds(server.process.pid) - served_s)
        self._add(name + CLIENT, _children_s() - used_s)
        request = record_pb2.CountRecordsRequest(parent=parent)
        if server.stub.CountRecords(request, metadata=server.metadata).count != LINES:
            raise LoadError("not all records that were imported are there")

    def _collection(self, server: RecordServer) -> str:
        """A new one, so that each round does the same."""
        request = record_pb2.CreateCollectionRequest(
            parent=f"tenants/{TENANT}", collection_id=f"import{next(self._numbers)}", collection={}
        )
        return str(server.stub.CreateCollection(request, metadata=server.metadata).name)

    def _add(self, name: str, seconds: float) -> None:
        self.rounds_ns.setdefault(name, []).append(seconds / LINES * 1e9)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(rounds: int) -> Report:
    # A temporary directory may be in memory, where syncing costs nothing.
    place = Path(__file__).parent
    with (
        tempfile.TemporaryDirectory(dir=place, prefix=".import-") as folder,
        database_beside_the_load() as database,
        ExitStack() as stack,
    ):
        one = Run(Path(folder), stack)
        database.create_database("imports")
        url = database.url("imports")
        on_sqlite = one.server("sqlite", {})
        on_postgresql = one.server("postgresql", {"BLRCS_DATABASE__URL": url})
        subjects: list[Callable[[], None]] = [
            lambda: one.import_(IMPORT_SQLITE, on_sqlite),
            lambda: one.bulk(EXECUTEMANY_SQLITE, "sqlite", str(one.folder / "rows.db")),
            lambda: one.import_(IMPORT_POSTGRESQL, on_postgresql),
            lambda: one.bulk(EXECUTEMANY_POSTGRESQL, "executemany", url),
            lambda: one.bulk(COPY_POSTGRESQL, "copy", url),
        ]
        for _ in range(rounds):
            for subject in subjects:
                subject()
    timings = {name: Timing(tuple(found)) for name, found in one.rounds_ns.items()}

    def rate(above: str, below: str) -> float:
        """How many times the rate of the second the first has."""
        return timings[below].median_ns / timings[above].median_ns

    return Report(
        title="Import of records",
        timings=timings,
        claims=[
            Claim(
                "rate of an import on SQLite over sqlite3's executemany",
                rate(IMPORT_SQLITE, EXECUTEMANY_SQLITE),
                at_least=0.5,
            ),
            Claim(
                "rate of an import on PostgreSQL over asyncpg's executemany",
                rate(IMPORT_POSTGRESQL, EXECUTEMANY_POSTGRESQL),
                at_least=0.5,
            ),
            Claim(
                "rate of an import on PostgreSQL over asyncpg's copy_records_to_table",
                rate(IMPORT_POSTGRESQL, COPY_POSTGRESQL),
            ),
        ],
        peers=versions("asyncpg") | {"sqlite": sqlite3.sqlite_version},
        unit="ns/record",
    )


if __name__ == "__main__":
    main(run)
