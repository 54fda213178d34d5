"""RecordService over real sockets: reads and writes of records, beside what they are measured by.

Servers run on one core; the load, and PostgreSQL's own processes, on another. Reads are of 1,024
records in turn, ours as those of the others, so that no two callers share what is read for one of
them. Those of PostgreSQL stand beside asyncpg alone, with a prepared statement on connections that
it holds, and beside a service written with FastAPI and SQLAlchemy; those of SQLite beside the
guarded call that reads nothing. Writes stand beside the drivers: a record a commit on SQLite, as
durable as ours, and executemany on PostgreSQL. On SQLite the driver writes the same rows that a
creation is, and a plain row for those who would have no feed of changes; both once more with
flushes that take 1 ms longer, since the disk decides how much is gained by committing together.
"""

import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

import arrivals
from bench_guarded_call import serving as guarded_server
from harness import Claim, Report, Timing, main, versions
from load import RESULT, SECONDS_PER_UNIT, Load, LoadError, run_pinned
from measured_load import Subject, loaded, measure
from order_scenario import ALICE, METHOD, ORDER, REQUEST, metadata_for
from record_scenario import (
    BATCH,
    BATCH_WRITE,
    COLLECTION,
    CREATE,
    GET,
    PARENT,
    READS,
    TENANT,
    RecordServer,
    batch,
    data,
    record_server,
)
from server_process import cores, running
from slow_flush import slow_flush
from transport_peers import PYTHONPATH

from blrcs.v1 import record_pb2

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers.postgresql import PostgresqlServer, postgresql  # noqa: E402

PEERS = Path(__file__).with_name("peers")
ASYNCPG_CONNECTIONS = 30
"""As many as our pool opens at most."""
HTTP_CONNECTIONS = 64
CALLERS = 64

GUARDED_ECHO = "guarded call that reads nothing"
GET_SQLITE = "GetRecord, SQLite"
GET_COPY = "GetRecord, SQLite, from a copy"
GET_POSTGRESQL = "GetRecord, PostgreSQL"
BARE_ASYNCPG = "asyncpg alone"
FASTAPI = "FastAPI + SQLAlchemy"
CREATE_SQLITE = f"CreateRecord, SQLite, {CALLERS} callers"
ROWS_SQLITE = "sqlite3, the same rows, a record a commit"
PLAIN_SQLITE = "sqlite3, one plain row a commit"
SLOW_FLUSH_US = 1_000
SLOW = ", a flush takes 1 ms longer"
CREATE_SLOW = CREATE_SQLITE + SLOW
ROWS_SLOW = ROWS_SQLITE + SLOW
PLAIN_SLOW = PLAIN_SQLITE + SLOW
BATCH_POSTGRESQL = f"BatchWriteRecords, PostgreSQL, a record of {BATCH}"
EXECUTEMANY = f"asyncpg's executemany, a row of {BATCH}"
EXECUTEMANY_SAME = f"asyncpg's executemany, the same rows, a record of {BATCH}"

QUERY = (
    "SELECT encoded, sealed, expire_time_ns FROM records"
    " WHERE tenant = $1 AND collection = $2 AND record_id = $3"
)


class Run:
    """One run: its folder, its cores, and what has been measured."""

    def __init__(self, folder: Path, rounds: int, stack: ExitStack) -> None:
        self.folder = folder
        self.rounds = rounds
        self.stack = stack
        self.server_core, self.load_core = cores()
        self.timings: dict[str, Timing] = {}

    def reads(self, database: PostgresqlServer) -> None:
        """Records in turn; every answer is looked at, before the time is taken or at each call."""
        url = database.url("reads")
        database.create_database("reads")
        on_postgresql = self._server("reads", {"BLRCS_DATABASE__URL": url})
        on_sqlite = self._server("reads-sqlite", {})
        copying = self._server("reads-copies", {"BLRCS_RECORDS__COPIES": "64MiB"})
        for each in (on_postgresql, on_sqlite, copying):
            each.fill()
        echo = self.stack.enter_context(guarded_server("blrcs", core=self.server_core))
        web = self._fastapi(url, on_postgresql)
        self._measure(
            {
                GUARDED_ECHO: asked_in_turn(
                    echo.pid,
                    Load(
                        echo.port,
                        METHOD,
                        tuple(metadata_for(ALICE)),
                        REQUEST.SerializeToString(),
                        ORDER.SerializeToString(),
                        self.load_core,
                    ),
                    {REQUEST.SerializeToString(): ORDER.SerializeToString()},
                ),
                GET_SQLITE: self._gets(on_sqlite),
                GET_COPY: self._gets(copying),
                GET_POSTGRESQL: self._gets(on_postgresql),
                BARE_ASYNCPG: Subject((), ASYNCPG_CONNECTIONS, partial(self._asyncpg, url)),
                FASTAPI: web,
            }
        )

    def creates(self) -> None:
        """Records one by one, each of them durable before its caller goes on."""
        slow = slow_flush(self.folder, SLOW_FLUSH_US)
        servers = {
            CREATE_SQLITE: self._server("creates", {}),
            CREATE_SLOW: self._server("creates-slow", slow),
        }
        request = record_pb2.CreateRecordRequest(
            parent=PARENT, record=record_pb2.Record(data=data(7))
        )
        subjects: dict[str, Subject] = {}
        for name, server in servers.items():
            load = server.load(CREATE, request.SerializeToString(), None, core=self.load_core)
            load = replace(load, connections=4, streams=CALLERS // 4)
            subjects[name] = loaded(server.process.pid, load)
        for name, what, environ in (
            (ROWS_SQLITE, "same", {}),
            (PLAIN_SQLITE, "plain", {}),
            (ROWS_SLOW, "same", slow),
            (PLAIN_SLOW, "plain", slow),
        ):
            path = self.folder / f"{what}{len(environ)}.db"
            subjects[name] = Subject((), 1, partial(self._sqlite_rows, what, path, environ))
        before = {name: count(server) for name, server in servers.items()}
        self._measure(subjects)
        for name, server in servers.items():
            if count(server) - before[name] < subjects[name].calls * self.rounds:
                raise LoadError("not all records that were created are there")

    def batches(self, database: PostgresqlServer) -> None:
        """Records in batches, beside rows in batches."""
        url = database.url("batches")
        database.create_database("batches")
        server = self._server("batches", {"BLRCS_DATABASE__URL": url})
        request = batch(range(BATCH))
        for each in request.writes:
            each.create.record_id = ""
        load = server.load(BATCH_WRITE, request.SerializeToString(), None, core=self.load_core)
        load = replace(load, connections=1, streams=1)
        subjects = {
            BATCH_POSTGRESQL: loaded(server.process.pid, load),
            EXECUTEMANY: Subject((), 1, partial(self._executemany, url, [])),
            EXECUTEMANY_SAME: Subject((), 1, partial(self._executemany, url, ["--same"])),
        }
        measured = self._measure(subjects)
        for name, timing in measured.items():
            self.timings[name] = Timing(tuple(each / BATCH for each in timing.rounds_ns))

    def _gets(self, server: RecordServer) -> Subject:
        load = server.load(GET, b"", None, core=self.load_core)
        return asked_in_turn(server.process.pid, load, server.gets())

    def _server(self, name: str, environ: dict[str, str]) -> RecordServer:
        return self.stack.enter_context(
            record_server(self.folder / name, self.server_core, environ)
        )

    def _measure(self, subjects: dict[str, Subject]) -> dict[str, Timing]:
        measure(subjects, self.rounds, self.folder)
        measured = {name: subject.wall for name, subject in subjects.items()}
        self.timings |= measured
        return measured

    def _asyncpg(self, url: str, calls: int, folder: Path) -> float:
        del folder  # it needs no file
        command = [sys.executable, str(PEERS / "bare_asyncpg.py"), url, str(calls)]
        arguments = [str(ASYNCPG_CONNECTIONS), QUERY, ",".join(READS), TENANT, COLLECTION]
        return float(run_pinned([*command, *arguments], self.server_core))

    def _executemany(self, url: str, options: list[str], calls: int, folder: Path) -> float:
        del folder
        command = [sys.executable, str(PEERS / "bare_executemany.py"), url, str(calls), str(BATCH)]
        return float(run_pinned([*command, *options], self.server_core))

    def _sqlite_rows(
        self, what: str, path: Path, environ: dict[str, str], calls: int, folder: Path
    ) -> float:
        del folder
        set_ = [f"{name}={value}" for name, value in (environ | {"PYTHONPATH": PYTHONPATH}).items()]
        command = ["env", *set_, sys.executable, str(PEERS / "sqlite_rows.py")]
        return float(run_pinned([*command, what, str(path), str(calls)], self.server_core))

    def _fastapi(self, url: str, server: RecordServer) -> Subject:
        command = [sys.executable, PEERS / "fastapi_records.py", url, server.jwk(), TENANT]
        web = self.stack.enter_context(running(command, core=self.server_core))
        token = dict(server.metadata)["authorization"]
        addresses = [f"http://127.0.0.1:{web.port}/v1/{PARENT}/records/{each}" for each in READS]
        for each, address in zip(READS, addresses, strict=True):
            request = Request(address, headers={"authorization": token})
            with urlopen(request) as reply:
                assert json.load(reply)["data"] == data(int(each[1:]))

        def run(calls: int, folder: Path) -> float:
            names = folder / "addresses.txt"
            names.write_text("\n".join(addresses))
            output = run_pinned(
                [
                    "h2load",
                    "--h1",
                    f"--requests={calls}",
                    f"--clients={HTTP_CONNECTIONS}",
                    f"--header=authorization: {token}",
                    f"--input-file={names}",
                ],
                self.load_core,
            )
            finished = RESULT.search(output)
            if finished is None or f"{calls} 2xx" not in output:
                raise LoadError(output)
            return float(finished[1]) * SECONDS_PER_UNIT[finished[2]]

        return Subject((web.pid,), HTTP_CONNECTIONS, run)


def asked_in_turn(pid: int, load: Load, answers: Mapping[bytes, bytes]) -> Subject:
    """A server that is sent requests in turn, and each answer is compared."""
    run = partial(arrivals.seconds_of_many, load, answers)
    return Subject((pid,), load.connections * load.streams, run)


def count(server: RecordServer) -> int:
    request = record_pb2.CountRecordsRequest(parent=PARENT)
    return int(server.stub.CountRecords(request, metadata=server.metadata).count)


@contextmanager
def database_beside_the_load() -> Iterator[PostgresqlServer]:
    """A PostgreSQL whose processes run where the load does."""
    own = os.sched_getaffinity(0)
    _, load_core = cores()
    if load_core is not None:
        os.sched_setaffinity(0, {load_core})
    try:
        with postgresql({"max_connections": "120"}) as server:
            os.sched_setaffinity(0, own)
            yield server
    finally:
        os.sched_setaffinity(0, own)


def run(rounds: int) -> Report:
    if reason := arrivals.failure_of_build():
        raise SystemExit(f"arrivals.c {reason}")
    # A temporary directory may be in memory, where syncing costs nothing.
    place = Path(__file__).parent
    with tempfile.TemporaryDirectory(dir=place, prefix=".records-") as folder:
        found: dict[str, Timing] = {}
        parts: list[Callable[[Run, PostgresqlServer], None]] = [
            Run.reads,
            lambda each, _: each.creates(),
            Run.batches,
        ]
        with database_beside_the_load() as database:
            for part in parts:
                # Servers of one part do not disturb those of the next.
                with ExitStack() as stack:
                    one = Run(Path(folder), rounds, stack)
                    part(one, database)
                    found |= one.timings

    def rate(above: str, below: str) -> float:
        """How many times the rate of the second the first has."""
        return found[below].median_ns / found[above].median_ns

    return Report(
        title="RecordService",
        timings=found,
        claims=[
            Claim(
                "rate of GetRecord on PostgreSQL over asyncpg alone",
                rate(GET_POSTGRESQL, BARE_ASYNCPG),
                at_least=0.5,
            ),
            Claim(
                "rate of GetRecord on PostgreSQL over FastAPI + SQLAlchemy",
                rate(GET_POSTGRESQL, FASTAPI),
                at_least=8,
            ),
            Claim(
                "rate of GetRecord on SQLite over the guarded call that reads nothing",
                rate(GET_SQLITE, GUARDED_ECHO),
                at_least=0.6,
            ),
            Claim(
                "time of cached GetRecord over guarded echo",
                1 / rate(GET_COPY, GUARDED_ECHO),
                at_most=1.2,
            ),
            Claim(
                "rate of CreateRecord on SQLite over sqlite3, the same rows",
                rate(CREATE_SQLITE, ROWS_SQLITE),
                at_least=5,
            ),
            Claim(
                "rate of CreateRecord on SQLite over sqlite3, plain rows",
                rate(CREATE_SQLITE, PLAIN_SQLITE),
            ),
            Claim(
                f"rate of CreateRecord on SQLite over sqlite3, the same rows{SLOW}",
                rate(CREATE_SLOW, ROWS_SLOW),
                at_least=5,
            ),
            Claim(
                f"rate of CreateRecord on SQLite over sqlite3, plain rows{SLOW}",
                rate(CREATE_SLOW, PLAIN_SLOW),
            ),
            Claim(
                "time of BatchWriteRecords on PostgreSQL over asyncpg's executemany",
                1 / rate(BATCH_POSTGRESQL, EXECUTEMANY),
                at_most=2,
            ),
            Claim(
                "time of BatchWriteRecords on PostgreSQL over asyncpg's executemany, the same rows",
                1 / rate(BATCH_POSTGRESQL, EXECUTEMANY_SAME),
            ),
        ],
        peers=versions("asyncpg", "fastapi", "sqlalchemy", "uvicorn")
        | {"sqlite": sqlite3.sqlite_version},
    )


if __name__ == "__main__":
    main(run)
