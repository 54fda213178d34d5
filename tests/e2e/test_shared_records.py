"""The copies that one machine has of records which another one writes, in one PostgreSQL."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.e2e.conftest import Start
from tests.e2e.machines import channels_of, start_two
from tests.e2e.test_workers_records_copies import Writer, value, warm
from tests.e2e.workers import FIRST_PASSWORD, administrator, until
from tests.servers.postgresql import PostgresqlServer, postgresql

INTERVAL_S = 0.5
INTERVALS = 6


@pytest.fixture
def database() -> Iterator[PostgresqlServer]:
    """One that a test may stop."""
    with postgresql() as server:
        yield server


@pytest.fixture
def clients(start: Start, tmp_path: Path, database: PostgresqlServer) -> Iterator[list[Writer]]:
    """One for each machine."""
    environ = {
        "BLRCS_DATABASE__URL": database.url(),
        "BLRCS_DATABASE__REFRESH_INTERVAL": f"{round(INTERVAL_S * 1000)}ms",
        "BLRCS_RECORDS__COPIES": "16MiB",
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
        "BLRCS_POLICIES": '{"/blrcs.v1.RecordService/*": {"limits": []}}',
    }
    with channels_of(start_two(start, tmp_path, **environ)) as channels:
        metadata = administrator(channels)
        yield [Writer(channel, metadata) for channel in channels]


def test_no_copy_hides_for_longer_than_the_interval_what_another_machine_wrote(
    clients: list[Writer],
) -> None:
    here, there = clients
    here.collection()
    here.create("a", v=0)
    warm([there])
    # What was acknowledged before the test began has been so for long.
    acknowledged: list[tuple[float, int]] = [(0.0, 0)]
    over = threading.Event()
    failures: list[str] = []

    def read() -> None:
        while not over.is_set():
            since_s = time.monotonic() - INTERVAL_S
            least = max(number for at_s, number in acknowledged if at_s <= since_s)
            found = there.get("a").data["v"]
            if found < least:
                failures.append(f"{found} long after {least} was acknowledged")
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    end_s = time.monotonic() + INTERVALS * INTERVAL_S
    for number in itertools.count(1):
        here.update("a", v=number)
        acknowledged.append((time.monotonic(), number))
        if time.monotonic() > end_s or failures:
            break
    over.set()
    for reader in readers:
        reader.join()
    assert not failures
    here.delete("a")
    until(lambda: value(there) is grpc.StatusCode.NOT_FOUND)


def test_without_the_database_no_copy_is_shown_for_longer(
    clients: list[Writer], database: PostgresqlServer
) -> None:
    here, there = clients
    here.collection()
    here.create("a", v=0)
    warm([there])
    database.stop()
    until(lambda: value(there) is grpc.StatusCode.UNAVAILABLE)
    database.start()
    until(lambda: value(there) == 0)
    here.update("a", v=1)
    until(lambda: value(there) == 1)
