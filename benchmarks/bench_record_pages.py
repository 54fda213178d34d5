"""A million records, listed page by page: what pages cost and take as the list goes on.

The server is a ``blrcs serve`` on SQLite, with its defaults. The records are put into its file
directly, as it would have written them; listing them is what is measured: from the first page to
the last, each by the token of the one before. After each it is looked at how much processor time
the server has taken, and how much memory it holds.
"""

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from harness import Claim, Report, Timing, main
from load import LoadError
from record_scenario import COLLECTION, PARENT, TENANT, RecordServer, record_server
from server_process import cores, cpu_seconds, status_bytes

from blrcs.api.record_messages import MessageImages
from blrcs.database.repositories.record_row import record_to_row
from blrcs.domain.record import Record
from blrcs.domain.record_name import RecordKey
from blrcs.v1 import record_pb2

RECORDS = 1_000_000
PAGE = 1_000
SHARE = 10
"""The first and the last tenth of the pages are compared."""
BATCH = 10_000
NS_PER_S = 1_000_000_000
TIMEOUT_S = 60


@dataclass(slots=True)
class Pass:
    """One way through all pages."""

    cpu_s: list[float] = field(default_factory=list)
    resident_bytes: list[int] = field(default_factory=list)

    def look(self, pid: int) -> None:
        self.cpu_s.append(cpu_seconds(pid))
        self.resident_bytes.append(status_bytes(pid, "VmRSS"))

    def record_ns(self, *, last: bool) -> float:
        """The processor time of a record of the first or the last tenth."""
        part = _part(self.cpu_s, last=last)
        return (part[-1] - part[0]) / (len(part) - 1) / PAGE * NS_PER_S

    def resident(self, *, last: bool) -> int:
        """The most memory at the end of a page there."""
        return max(_part(self.resident_bytes, last=last))


def _part(looks: list[Any], *, last: bool) -> list[Any]:
    count = len(looks) // SHARE
    return looks[-count:] if last else looks[:count]


def rows() -> Iterator[dict[str, object]]:
    """Records as the server stores them."""
    images = MessageImages()
    now_ns = time.time_ns()
    for number in range(RECORDS):
        data = {"number": float(number), "name": f"Person {number}", "city": "Berlin"}
        record = Record(
            key=RecordKey(TENANT, COLLECTION, f"r{number:07}"),
            data=data,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )
        encoded = images.image(record, images.encode(data))
        yield record_to_row(record) | {"encoded": encoded}


def fill(path: Path) -> None:
    columns = tuple(next(rows()))
    statement = (
        f"INSERT INTO records ({', '.join(columns)})"
        f" VALUES ({', '.join(f':{each}' for each in columns)})"
    )
    with closing(sqlite3.connect(path, timeout=TIMEOUT_S)) as connection:
        connection.create_function("blrcs_number", 1, float, deterministic=True)
        for batch in in_batches(rows()):
            with connection:
                connection.executemany(statement, batch)


def in_batches(all_rows: Iterator[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    batch: list[dict[str, object]] = []
    for row in all_rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def go_through(server: RecordServer) -> Pass:
    """All pages, as a client sees them."""
    found, token, listed = Pass(), "", 0
    while True:
        request = record_pb2.ListRecordsRequest(parent=PARENT, page_size=PAGE, page_token=token)
        page = server.stub.ListRecords(request, metadata=server.metadata, timeout=TIMEOUT_S)
        found.look(server.process.pid)
        listed += len(page.records)
        token = page.next_page_token
        if not token:
            break
    if listed != RECORDS:
        raise LoadError(f"{listed} of {RECORDS} records were listed")
    return found


def run(rounds: int) -> Report:
    server_core, _ = cores()
    with (
        tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".pages-") as folder,
        record_server(Path(folder) / "server", server_core) as server,
    ):
        (path,) = Path(folder).rglob("blrcs.db")
        fill(path)
        passes = [go_through(server) for _ in range(rounds)]
    first = Timing(tuple(each.record_ns(last=False) for each in passes))
    last = Timing(tuple(each.record_ns(last=True) for each in passes))
    return Report(
        title=f"{RECORDS:,} records, {PAGE:,} a page, SQLite",
        timings={
            "a record in the first tenth of the pages": first,
            "a record in the last tenth": last,
        },
        claims=[
            Claim(
                "processor time of the last pages over the first",
                last.median_ns / first.median_ns,
                at_most=1.2,
            ),
            Claim(
                "memory of the server at the last pages over the first",
                max(each.resident(last=True) / each.resident(last=False) for each in passes),
                at_most=1.1,
            ),
        ],
        peers={"sqlite": sqlite3.sqlite_version, "grpcio": grpc.__version__},
    )


if __name__ == "__main__":
    main(run)
