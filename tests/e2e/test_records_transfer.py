"""``blrcs records import`` and ``export``, ended at any moment and gone on with."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import orjson
import pytest

from blrcs.v1 import record_pb2, record_pb2_grpc
from tests.e2e.server import Server, blrcs, environment
from tests.e2e.workers import (
    FIRST_PASSWORD,
    PASSWORD,
    TIMEOUT_S,
    administrator,
    until,
)

COLLECTION = "tenants/acme/collections/orders"
COPY = "tenants/acme/collections/copy"
SCHEMA = '{"properties": {"total": {"minimum": 0}}}'
LINES = 20_000
FOREGROUND = ("env", "--default-signal=INT")
STATE = "in.jsonl.blrcs-import.json"


class World:
    """A server with two collections, and a token for it in the file ``token``."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.address = server.address
        with grpc.insecure_channel(self.address) as channel:
            self.metadata = administrator([channel, channel])
            stub = record_pb2_grpc.RecordServiceStub(channel)
            for name in (COLLECTION, COPY):
                request = record_pb2.CreateCollectionRequest(
                    parent="tenants/acme", collection_id=name.rpartition("/")[2]
                )
                request.collection.json_schema = SCHEMA
                stub.CreateCollection(request, metadata=self.metadata)
        (folder / "token").write_text(self.metadata[0][1].removeprefix("Bearer "))

    def arguments(self, *arguments: str) -> list[str]:
        return ["records", *arguments, "--server", self.address, "--token-file", "token"]

    def run(
        self, *arguments: str, max_file_bytes: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        return blrcs(*self.arguments(*arguments), cwd=self.folder, max_file_bytes=max_file_bytes)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts a command as a terminal does, and does not wait for its end."""
        return subprocess.Popen(
            # Whoever runs the tests in the background may have SIGINT ignored, by all of them.
            [*FOREGROUND, sys.executable, "-m", "blrcs", *self.arguments(*arguments)],
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def import_(self, *options: str) -> list[str]:
        return ["import", COLLECTION, "in.jsonl", "--batch-size", "50", *options]

    def changes(self, name: str = COLLECTION) -> int:
        """How many there were to the collection's records since it was made."""
        with grpc.insecure_channel(self.address) as channel:
            stub = record_pb2_grpc.RecordServiceStub(channel)
            request = record_pb2.WatchRecordsRequest(parent=name)
            watch = stub.WatchRecords(request, metadata=self.metadata, timeout=TIMEOUT_S)
            sequence = next(watch).sequence
            watch.cancel()
            return sequence

    def offset(self) -> int:
        """How much the import has settled, by its own file."""
        path = self.folder / STATE
        return orjson.loads(path.read_bytes())["offset"] if path.exists() else -1


@pytest.fixture
def world(start: Callable[..., Server], tmp_path: Path) -> World:
    return World(start_alone(start), tmp_path)


def start_alone(start: Callable[..., Server], *arguments: str) -> Server:
    return start(
        *arguments,
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        BLRCS_AUTH__ACCESS_TOKEN_TTL="1d",
    )


def write_lines(folder: Path, count: int = LINES) -> bytes:
    """Lines as an export has them; those of a whole collection, in the order of their ids."""
    lines = [
        b'{"id":"r%05d","data":{"note":"%s","total":%d}}\n' % (number, b"x" * 50, number)
        for number in range(count)
    ]
    text = b"".join(lines)
    (folder / "in.jsonl").write_bytes(text)
    return text


def exported(world: World, name: str = COLLECTION) -> bytes:
    done = world.run("export", name, "out.jsonl", "--force")
    assert done.returncode == 0, done.stderr
    return (world.folder / "out.jsonl").read_bytes()


def kill_beyond(world: World, process: subprocess.Popen[str], offset: int) -> None:
    """Ends an import without warning once it has settled more than ``offset`` bytes."""
    until(lambda: world.offset() > offset or process.poll() is not None)
    process.kill()
    process.communicate()


def test_every_line_is_imported_or_told_of(world: World) -> None:
    lines = [
        '{"id": "a", "data": {"total": 1}}',
        '{"id": "b", "data": {"total": -1}}',
        "{",
        '{"id": "a", "data": {"total": 2}}',
        '{"id": "c", "data": {"total": 3}, "expire_time": "2200-01-01T00:00:00Z"}',
    ]
    (world.folder / "in.jsonl").write_text("\n".join(lines))
    done = world.run(*world.import_("--rejects", "rejects.jsonl"))
    assert done.returncode == 1
    assert done.stdout == "2 records written, 0 skipped, 3 lines rejected.\n"
    assert "in.jsonl:2: record.data.total: " in done.stderr
    kept = [json.loads(line) for line in (world.folder / "rejects.jsonl").read_text().splitlines()]
    assert [(each["line"], each["text"]) for each in kept] == [
        (number, lines[number - 1]) for number in (2, 3, 4)
    ]
    assert exported(world) == (
        b'{"id":"a","data":{"total":1}}\n'
        b'{"id":"c","expire_time":"2200-01-01T00:00:00Z","data":{"total":3}}\n'
    )
    assert not (world.folder / STATE).exists()
    again = world.run(*world.import_("--on-conflict", "skip"))
    assert again.stdout == "0 records written, 3 skipped, 2 lines rejected.\n"


def test_an_import_leaves_no_file_open(world: World) -> None:
    (world.folder / "in.jsonl").write_text('{"id": "a", "data": {"total": 1, "total": 2}}\n')
    told = {"PYTHONWARNINGS": "default::ResourceWarning"}
    arguments = world.arguments(*world.import_())
    done = blrcs(*arguments, cwd=world.folder, environ=told)
    assert (done.returncode, done.stderr) == (0, "")
    # As the documentation says of a name that an object has twice.
    assert exported(world) == b'{"id":"a","data":{"total":2}}\n'
    refused = blrcs(*arguments, "--max-rejects", "0", cwd=world.folder, environ=told)
    assert refused.returncode == 1
    assert "ResourceWarning" not in refused.stderr


def test_what_is_exported_imported_and_exported_is_the_same(world: World) -> None:
    text = write_lines(world.folder, 100)
    world.run(*world.import_())
    assert exported(world) == text
    assert world.run("import", COPY, "out.jsonl").returncode == 0
    assert exported(world, COPY) == text
    assert world.run("export", COLLECTION, "one.csv").returncode == 0
    with_types = world.run("import", COPY, "one.csv", "--infer", "--on-conflict", "replace")
    assert with_types.stdout == "100 records written, 0 skipped, 0 lines rejected.\n"
    assert exported(world, COPY) == text
    only = world.run("export", COLLECTION, "--filter", "data.total = 7", "--format", "csv")
    assert only.stdout == f"id,note,total\nr00007,{'x' * 50},7\n"


def test_an_import_killed_again_and_again_writes_each_line_once(world: World) -> None:
    text = write_lines(world.folder)
    random_ = random.Random(7)
    process = world.begin(*world.import_())
    # In the first half, so that each comes before the end however quick the import is.
    kills = sorted(random_.sample(range(len(text) // 2), 4))
    for offset in kills:
        kill_beyond(world, process, offset)
        assert process.returncode == -signal.SIGKILL
        process = world.begin(*world.import_("--resume"))
    stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, stderr
    assert stdout == f"{LINES} records written, 0 skipped, 0 lines rejected.\n"
    assert exported(world) == text
    assert world.changes() == LINES


def test_a_server_that_is_killed_is_waited_for(world: World, start: Callable[..., Server]) -> None:
    text = write_lines(world.folder)
    process = world.begin(*world.import_())
    for part in (1, 2):
        until(lambda part=part: world.offset() > part * len(text) // 4)
        world.server.kill()
        world.server = start_alone(start, "--port", world.address.rpartition(":")[2])
        assert world.server.address == world.address
    stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, stderr
    assert stdout == f"{LINES} records written, 0 skipped, 0 lines rejected.\n"
    assert exported(world) == text
    assert world.changes() == LINES


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_how_to_go_on(world: World, number: signal.Signals) -> None:
    text = write_lines(world.folder)
    process = world.begin(*world.import_())
    until(lambda: world.offset() > 0)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert stderr == (
        "blrcs: interrupted. The same command with --resume goes on with the import.\n"
    )
    refused = world.run(*world.import_())
    assert refused.returncode == 1
    assert "--resume goes on with it, --restart begins anew" in refused.stderr
    assert world.run(*world.import_("--resume")).returncode == 0
    assert exported(world) == text


def test_an_export_that_is_killed_is_gone_on_with(world: World) -> None:
    text = write_lines(world.folder)
    world.run(*world.import_())
    state = world.folder / "out.jsonl.blrcs-export.json"
    process = world.begin("export", COLLECTION, "out.jsonl")
    until(state.exists)
    process.kill()
    process.communicate()
    assert not (world.folder / "out.jsonl").exists()
    # As if it had come as far as its second page.
    members = orjson.loads(state.read_bytes())
    with grpc.insecure_channel(world.address) as channel:
        stub = record_pb2_grpc.RecordServiceStub(channel)
        request = record_pb2.ListRecordsRequest(parent=COLLECTION, page_size=1000)
        page = stub.ListRecords(request, metadata=world.metadata)
    first = b"".join(text.splitlines(keepends=True)[:1000])
    (world.folder / "out.jsonl.part").write_bytes(first + b"half a li")
    members |= {"records": 1000, "size_bytes": len(first), "page_token": page.next_page_token}
    state.write_bytes(orjson.dumps(members))
    done = world.run("export", COLLECTION, "out.jsonl", "--resume")
    assert done.returncode == 0, done.stderr
    assert (world.folder / "out.jsonl").read_bytes() == text
    assert not state.exists()


def test_where_it_cannot_be_written_is_told(world: World) -> None:
    text = write_lines(world.folder, 5000)
    assert world.run(*world.import_()).returncode == 0
    arguments = ("export", COLLECTION, "out.jsonl")
    half = len(text) // 2
    for again in ((), ("--resume",)):
        full = world.run(*arguments, *again, max_file_bytes=half)
        assert (full.returncode, full.stderr) == (1, "blrcs: out.jsonl.part: File too large\n")
    assert world.run(*arguments, "--resume").returncode == 0
    assert (world.folder / "out.jsonl").read_bytes() == text
    (world.folder / "in.jsonl").write_bytes(text.replace(b'"total":', b'"total":-1'))
    rejects = ("--rejects", "rejects.jsonl")
    full = world.run(*world.import_(*rejects), max_file_bytes=half)
    assert full.stderr.splitlines()[-1] == "blrcs: rejects.jsonl: File too large"
    resumed = world.run(*world.import_(*rejects, "--resume"))
    assert resumed.stdout == "0 records written, 0 skipped, 5000 lines rejected.\n"
    assert (world.folder / "rejects.jsonl").read_bytes().count(b"\n") == 5000


def test_an_export_takes_the_place_of_a_file_alone(world: World) -> None:
    os.mkfifo(world.folder / "pipe")
    done = world.run("export", COLLECTION, "pipe", "--force")
    assert (done.returncode, done.stderr) == (1, "blrcs: pipe: is not a regular file\n")
    assert (world.folder / "pipe").is_fifo()


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_an_export_that_is_refused_leaves_nothing_behind(world: World, name: str) -> None:
    before = set(world.folder.iterdir())
    for refused in (
        world.run("export", "tenants/acme/collections/nowhere", name),
        world.run("export", COLLECTION, name, "--filter", "data.total >"),
    ):
        assert refused.returncode == 1, refused.stderr
        assert set(world.folder.iterdir()) == before
    done = world.run("export", COLLECTION, name)
    assert (done.returncode, done.stderr) == (0, "0 records exported.\n")


def test_who_may_not_write_is_told_so(world: World) -> None:
    write_lines(world.folder, 10)
    (world.folder / "token").write_text("nonsense")
    refused = world.run(*world.import_())
    assert (refused.returncode, refused.stderr) == (
        1,
        "blrcs: the server does not take the token, or no more\n",
    )
    signed_in = subprocess.run(
        [
            sys.executable,
            "-m",
            "blrcs",
            "records",
            *world.import_(),
            "--server",
            world.address,
            "--user",
            "admin",
        ],
        cwd=world.folder,
        env=environment(),
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        start_new_session=True,  # without a terminal to ask
    )
    assert signed_in.returncode == 0, signed_in.stderr
    assert world.changes() == 10
