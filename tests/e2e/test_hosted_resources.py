"""``examples/inventory``, served by several workers: what it has of the server."""

import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from blrcs.database.kind import open_database
from blrcs.database.statement import Statement
from blrcs.protos import compile_project
from tests.e2e.conftest import Start
from tests.e2e.gate import REGISTER, write_gate
from tests.e2e.server import ROOT, Server, blrcs
from tests.e2e.workers import TIMEOUT_S, channels_to_all, kill, until
from tests.servers.postgresql import PostgresqlServer

EXAMPLE = ROOT / "examples/inventory"
INVENTORY = "inventory.service:register"
# The preface of HTTP/2 and empty settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
LOGS = "data/services/inventory-sightings"
PUBLIC = json.dumps({"/inventory.v1.InventoryService/*": {"access": "public"}})
SIGHTINGS = Statement(
    sa.select(sa.column("sku"), sa.column("shelf")).select_from(sa.table("inventory_sightings"))
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the project, beside the service that says which worker it is."""
    ignored = shutil.ignore_patterns("v1", "tests", "conftest.py", "data", "__pycache__")
    shutil.copytree(EXAMPLE / "inventory", tmp_path / "inventory", ignore=ignored)
    shutil.copytree(EXAMPLE / "proto", tmp_path / "proto")
    shutil.copy(EXAMPLE / "blrcs.toml", tmp_path)
    write_gate(tmp_path)
    return tmp_path


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stubs of the example, as its own tests have them."""
    compile_project(EXAMPLE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(EXAMPLE)])
    from inventory.v1 import inventory_pb2, inventory_pb2_grpc

    class Messages:
        pb2 = inventory_pb2
        Stub = inventory_pb2_grpc.InventoryServiceStub

    return Messages


def serve(start: Start, **environ: str) -> Server:
    arguments = ("--service", INVENTORY, "--service", REGISTER, "--workers", "2", "--no-builtin")
    return start(*arguments, BLRCS_POLICIES=PUBLIC, **environ)


def metric(server: Server, name: str, *labels: str) -> float:
    """The sum of the samples that have these labels."""
    samples = re.findall(rf"^{name}(?:{{(\S+)}})? (\S+)$", server.metrics(), re.MULTILINE)
    return sum(float(value) for found, value in samples if all(each in found for each in labels))


def test_workers_share_what_the_service_has(start: Start, directory: Path, messages: Any) -> None:
    server, pb2 = serve(start), messages.pb2
    with channels_to_all(server, 2) as channels:
        first, second = stubs = [messages.Stub(each) for each in channels.values()]
        first.PutItem(pb2.PutItemRequest(item=pb2.Item(sku="tea", title="Tea", count=10)))
        for units, stub in ((1, first), (2, second), (3, second)):
            stub.TakeItem(pb2.TakeItemRequest(sku="tea", units=units))
            counts = {each.GetItem(pb2.GetItemRequest(sku="tea")).count for each in stubs}
            assert len(counts) == 1, "a worker answers what was before"
        assert counts == {4}
        assert metric(server, "inventory_taken_units_total") == 6
        items = 'namespace="inventory.items"'
        assert metric(server, "blrcs_cache_reads_total", items) == 6
        assert metric(server, "blrcs_cache_loads_total", items, 'outcome="loaded"') >= 3
        for stub in stubs:
            stub.ReportSighting(pb2.ReportSightingRequest(sku="tea", shelf="A 7"))
        logged = ("blrcs_write_behind_writes_total", 'namespace="inventory.sightings"')
        assert metric(server, *logged) == 2
    # Those that come after them count on.
    server.signal(signal.SIGUSR2)
    server.wait_for("workers replaced", source="stderr")
    with channels_to_all(server, 2) as channels:
        for channel in channels.values():
            request = pb2.TakeItemRequest(sku="tea", units=1)
            messages.Stub(channel).TakeItem(request)
        assert metric(server, "inventory_taken_units_total") == 8
        assert metric(server, *logged) == 2
    assert server.stop() == 0
    assert "failed" not in server.stderr


@contextmanager
def held_up(
    postgresql: PostgresqlServer, database: str, server: Server, messages: Any, shelf: str
) -> Iterator[list[int]]:
    """Both workers have acknowledged a sighting, and nothing of it can be stored."""
    pb2 = messages.pb2
    with (
        channels_to_all(server, 2) as channels,
        postgresql.locked(database, "inventory_sightings"),
    ):
        for sku, channel in zip(("tea", "cup"), channels.values(), strict=True):
            request = pb2.ReportSightingRequest(sku=sku, shelf=shelf)
            messages.Stub(channel).ReportSighting(request)
        yield list(channels)


async def stored(url: str) -> dict[str, str]:
    """The shelves of all items, as the database has them."""
    async with open_database(url, migrate=False) as (database, _):
        return {row.sku: row.shelf for row in await database.fetch_all(SIGHTINGS)}


@contextmanager
def connected(server: Server) -> Iterator[Callable[[], object]]:
    """A connection without calls, and what waits until a worker that drains ends it."""
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), TIMEOUT_S) as connection:
        connection.sendall(PREFACE)

        def wait_for_end() -> None:
            while connection.recv(4096):
                pass

        yield wait_for_end


def test_what_is_acknowledged_is_stored_whatever_becomes_of_a_worker(
    start: Start, directory: Path, postgresql_server: PostgresqlServer, messages: Any
) -> None:
    database = f"hosted_{secrets.token_hex(8)}"
    postgresql_server.create_database(database)
    url = postgresql_server.url(database)
    server = serve(start, BLRCS_DATABASE__URL=url)
    applied = ("blrcs_write_behind_applied_total", 'outcome="applied"')

    with held_up(postgresql_server, database, server, messages, "A 7") as workers:
        kill(workers[0])
        assert metric(server, *applied) == 0
    until(lambda: metric(server, *applied) == 2)
    assert asyncio.run(stored(url)) == {"tea": "A 7", "cup": "A 7"}

    with held_up(postgresql_server, database, server, messages, "B 1") as workers:
        with connected(server) as wait_for_end:
            server.signal(signal.SIGTERM)
            wait_for_end()
        # No call is left: it is the service that they wait for.
        assert metric(server, "blrcs_write_behind_lag_entries") == 2
        assert all(Path(f"/proc/{each}").exists() for each in workers)
    assert server.wait() == 0
    assert asyncio.run(stored(url)) == {"tea": "B 1", "cup": "B 1"}
    logs = sorted(each.name for each in (directory / LOGS).iterdir())
    assert logs == ["0", "0.lock", "1", "1.lock"]
    assert "writes stay in the log" not in server.stderr


def test_a_start_that_fails_keeps_all_workers_from_serving(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "async def start():\n    raise OSError('no such thing')\n\n"
        "def register(server, resources):\n    resources.on_start(start)\n"
    )
    arguments = ("--port", "0", "--workers", "2", "--service", "broken:register")
    done = blrcs("serve", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("blrcs: service broken:register: OSError: no such thing (")


def test_the_policies_of_a_service_with_resources_are_told(directory: Path) -> None:
    told = blrcs("policy", "--no-builtin", cwd=directory)
    assert (told.returncode, told.stderr) == (0, "")
    assert "/inventory.v1.InventoryService/TakeItem" in told.stdout
    assert not os.path.lexists(directory / "data")
