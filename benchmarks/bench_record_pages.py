"""A million records, listed page by page: what pages take as the list goes on.

Each server is a ``blrcs serve`` of one worker with its defaults, on SQLite and on PostgreSQL. The
records are written by BatchWriteRecords into a collection that has declared their time of creation
as an index. Then all of them are listed, by name and by that time, from the first page to the last,
each by the token of the one before; after each page it is looked at how much memory the server
holds. The first and the last tenth of the pages are then read again, in turns.
"""

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from harness import Claim, Report, Timing, argument_parser, publish, versions
from load import LoadError
from record_scenario import PARENT, RecordServer, record_server
from server_process import cores, status_bytes

sys.path.insert(0, str(Path(__file__).parent.parent))

from blrcs.v1 import record_pb2
from tests.servers.postgresql import postgresql

RECORDS = 1_000_000
PAGE = 1_000
SHARE = 10
"""The first and the last tenth of the pages are compared."""
ROUNDS = 3
TIMEOUT_S = 60
MOST_TIME = 1.2
MOST_MEMORY = 1.1
DATABASES = ("SQLite", "PostgreSQL")
INDEXES = (".create_time",)
ORDERS = {"by name": "", "newest first": "create_time desc"}

T = TypeVar("T")


@dataclass(slots=True)
class Walk:
    """One way through all pages: the token of each, and the memory after it."""

    tokens: list[str] = field(default_factory=list)
    resident_bytes: list[int] = field(default_factory=list)

    def growth(self) -> float:
        """The most memory at the last pages over that at the first."""
        first, last = ends(self.resident_bytes)
        return max(last) / max(first)


def ends(all_pages: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """What belongs to the first and to the last tenth of the pages."""
    count = len(all_pages) // SHARE
    return all_pages[:count], all_pages[-count:]


def fill(server: RecordServer) -> None:
    for first in range(0, RECORDS, PAGE):
        server.stub.BatchWriteRecords(batch(first), metadata=server.metadata, timeout=TIMEOUT_S)


def batch(first: int) -> record_pb2.BatchWriteRecordsRequest:
    """Creates a page of records."""
    return record_pb2.BatchWriteRecordsRequest(
        parent=PARENT,
        writes=[
            record_pb2.RecordWrite(
                create=record_pb2.CreateRecordRequest(
                    parent=PARENT,
                    record_id=f"r{number:07}",
                    record=record_pb2.Record(data={"number": number, "city": "Berlin"}),
                )
            )
            for number in range(first, first + PAGE)
        ],
    )


def walk(server: RecordServer, order_by: str) -> Walk:
    """Lists all of it, as a client does."""
    found, token, listed = Walk(), "", 0
    while token or not found.tokens:
        found.tokens.append(token)
        page = page_of(server, order_by, token)
        found.resident_bytes.append(status_bytes(server.process.pid, "VmRSS"))
        listed += len(page.records)
        token = page.next_page_token
    if listed != RECORDS:
        raise LoadError(f"{listed} of {RECORDS} records were listed")
    return found


def page_of(server: RecordServer, order_by: str, token: str) -> record_pb2.ListRecordsResponse:
    request = record_pb2.ListRecordsRequest(
        parent=PARENT, page_size=PAGE, page_token=token, order_by=order_by
    )
    return server.stub.ListRecords(request, metadata=server.metadata, timeout=TIMEOUT_S)


def typical_ns(server: RecordServer, order_by: str, tokens: Sequence[str]) -> tuple[float, float]:
    """What one of the first pages takes, and one of the last; they are read in turns."""
    taken: tuple[list[int], list[int]] = [], []
    for pair in zip(*ends(tokens), strict=True):
        for token, times_ns in zip(pair, taken, strict=True):
            start_ns = time.perf_counter_ns()
            page_of(server, order_by, token)
            times_ns.append(time.perf_counter_ns() - start_ns)
    first, last = map(statistics.median, taken)
    return first, last


@contextmanager
def serving(database: str) -> Iterator[RecordServer]:
    """A server on that database."""
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".pages-")
        settings: Mapping[str, str] = {}
        if database == "PostgreSQL":
            url = stack.enter_context(postgresql({})).url()
            settings = {"BLRCS_DATABASE__URL": url}
        path = Path(stack.enter_context(folder)) / "server"
        yield stack.enter_context(record_server(path, cores()[0], settings, INDEXES))


def run(rounds: int) -> Report:
    report = Report(f"{RECORDS:,} records, {PAGE:,} a page")
    for database in DATABASES:
        with serving(database) as server:
            print(f"filling {database}", file=sys.stderr, flush=True)
            fill(server)
            for order, order_by in ORDERS.items():
                name = f"{database}, {order}"
                print(f"listing {name}", file=sys.stderr, flush=True)
                found = walk(server, order_by)
                taken = [typical_ns(server, order_by, found.tokens) for _ in range(rounds)]
                tell(report, name, found.growth(), taken)
    report.peers = {"sqlite": sqlite3.sqlite_version} | versions("grpcio", "asyncpg")
    return report


def tell(report: Report, name: str, growth: float, taken: list[tuple[float, float]]) -> None:
    """What a list says of pages."""
    first, last = map(Timing, zip(*taken, strict=True))
    report.timings |= {f"{name}: one of the first pages": first, f"{name}: one of the last": last}
    report.claims += [
        Claim(
            f"{name}: time of the last pages over the first",
            last.median_ns / first.median_ns,
            at_most=MOST_TIME,
        ),
        Claim(f"{name}: memory at the last pages over the first", growth, at_most=MOST_MEMORY),
    ]


def main() -> None:
    parser = argument_parser()
    parser.set_defaults(rounds=ROUNDS)
    arguments = parser.parse_args()
    publish(run(arguments.rounds), arguments.json)


if __name__ == "__main__":
    main()
