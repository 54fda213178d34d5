"""The audit log of a machine that is lost, on the one that takes its place."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import grpc
import orjson
import pytest

from blrcs.audit.checkpoint import CHECKPOINT, RESTORED
from blrcs.audit.line import Line
from blrcs.audit.segments import FOLDER, KEY_FILE, chains_in, is_restored, segments_in
from blrcs.v1 import audit_pb2, audit_pb2_grpc
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import FIRST_PASSWORD, administrator, until


def begin(start: Callable[..., Server], directory: Path, source: str) -> Server:
    """A server in a folder of its own."""
    directory.mkdir(exist_ok=True)
    return start(
        "--data",
        directory / "data",
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        BLRCS_AUDIT__SOURCE=source,
        BLRCS_AUDIT__CHECKPOINT_INTERVAL="1s",
    )


def is_signed(directory: Path) -> bool:
    """Whether nothing of a log's only chain has yet to be signed."""
    (chain,) = chains_in(directory)
    (segment,) = segments_in(chain)
    last = Line.read(segment.path.read_bytes().splitlines(keepends=True)[-1])
    return last is not None and last.values["kind"] == CHECKPOINT


def test_a_new_machine_shows_what_the_lost_one_had_recorded(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    lost, new = tmp_path / "lost", tmp_path / "new"
    server = begin(start, lost, "web-1")
    with grpc.insecure_channel(server.address) as channel:
        administrator([channel] * 2)
        until(lambda: is_signed(lost / "data" / FOLDER))
        # While it serves.
        made = blrcs("audit", "backup", tmp_path / "nightly", cwd=lost)
        assert made.returncode == 0, made.stderr
    server.kill()
    server = begin(start, new, "web-2")
    assert server.address
    key = tmp_path / "nightly" / "audit_public_key.json"
    restored = blrcs("audit", "restore", tmp_path / "nightly", "--key", key, cwd=new)
    assert restored.returncode == 0, restored.stderr
    with grpc.insecure_channel(server.address) as channel:
        metadata = administrator([channel] * 2)
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        seen = stub.Verify(audit_pb2.VerifyRequest(), metadata=metadata)
        # Its own, the one that tells of the restored one, and that.
        assert [each.problem for each in seen.chains] == ["", "", ""]
        events = stub.ListEvents(
            audit_pb2.ListEventsRequest(parent="audit", method="/blrcs.v1.AuthService/*"),
            metadata=metadata,
        ).events
    assert [each.source for each in events] == sorted(each.source for each in events)
    assert {each.source for each in events} == {"web-1", "web-2"}
    assert server.stop() == 0
    verified = blrcs("audit", "verify", cwd=new)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_the_audit_log_goes_along_with_the_database_encrypted(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    lost, new = tmp_path / "lost", tmp_path / "new"
    server = begin(start, lost, "web-1")
    with grpc.insecure_channel(server.address) as channel:
        administrator([channel] * 2)
        assert blrcs("encryption", "new-key", tmp_path / "key", cwd=lost).returncode == 0
        # A copy ends with a signed record.
        until(lambda: is_signed(lost / "data" / FOLDER))
        # While it serves.
        files = (tmp_path / "nightly", "--audit", tmp_path / "nightly.audit")
        made = blrcs("db", "backup", *files, "--encrypt-to", tmp_path / "key", cwd=lost)
        assert made.returncode == 0, made.stderr
    public = tmp_path / "public.json"
    public.write_text(blrcs("audit", "key", cwd=lost).stdout)
    server.kill()
    for each in (tmp_path / "nightly", tmp_path / "nightly.audit"):
        assert b"admin" not in each.read_bytes()
        assert each.read_bytes().startswith(b"blrcs sealed")
    new.mkdir()

    def restore(*more: str | Path) -> str:
        done = blrcs("db", "restore", *files, *more, cwd=new)
        return done.stderr if done.returncode else ""

    assert "is encrypted: give the key" in restore("--audit-key", public)
    key = ("--key", tmp_path / "key")
    # By the new machine's own key nothing of it is verified: neither is restored.
    refused = restore(*key)
    assert re.match(rf"blrcs: {tmp_path}/nightly\.audit: chain \w+: .* unsigned", refused)
    assert blrcs("db", "check", cwd=new).returncode == 1
    assert restore(*key, "--audit-key", public) == ""
    verified = blrcs("audit", "verify", cwd=new)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    methods = blrcs("audit", "export", cwd=new).stdout
    for each in ("AuthService/SignIn", "blrcs db backup"):
        assert each in methods
    assert begin(start, new, "web-2").address


@pytest.fixture
def machine(data_of_another: Path, tmp_path: Path) -> Path:
    """Where a server has been."""
    shutil.copytree(data_of_another, tmp_path / "web" / "data")
    return tmp_path / "web"


def test_neither_is_written_where_the_audit_log_cannot_be(machine: Path) -> None:
    def refused(audit: str) -> str:
        done = blrcs("db", "backup", "nightly", "--audit", audit, cwd=machine)
        assert done.returncode == 1, done.stdout
        assert not (machine / "nightly").exists()
        return done.stderr

    (machine / "other").symlink_to("nightly")
    for same in ("nightly", "../web/nightly", "other"):
        assert "is the file of the database" in refused(same)
    key = machine / "data" / KEY_FILE
    key.rename(machine / "key")
    assert KEY_FILE in refused("nightly.audit")
    (machine / "key").rename(key)
    (machine / "data" / FOLDER).rename(machine / "away")
    assert "there is no audit log" in refused("nightly.audit")


def test_a_damaged_chain_of_its_own_keeps_nothing_from_being_restored(
    machine: Path, tmp_path: Path
) -> None:
    files = (machine / "nightly", "--audit", machine / "nightly.audit")
    assert blrcs("db", "backup", *files, cwd=machine).returncode == 0
    public = tmp_path / "public.json"
    public.write_text(blrcs("audit", "key", cwd=machine).stdout)
    new = tmp_path / "new"
    new.mkdir()
    assert blrcs("db", "upgrade", cwd=new).returncode == 0

    def restore() -> CompletedProcess[str]:
        return blrcs("db", "restore", *files, "--audit-key", public, "--force", cwd=new)

    done = restore()
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    directory = new / "data" / FOLDER
    (own,) = (each for each in chains_in(directory) if not is_restored(each))
    # On a fresh machine, too, the command is in the log, before what it has restored.
    told = kinds(directory)[own.name]
    assert told.index("command") < told.index(RESTORED)
    assert restore().returncode == 0
    told = kinds(directory)[own.name]
    assert told.count(RESTORED) == 1
    assert told.count("command") == 2
    (segment,) = segments_in(own)
    segment.path.write_bytes(segment.path.read_bytes().replace(b"db restore", b"db Restore", 1))
    done = restore()
    assert done.returncode == 0, done.stderr
    assert f"warning: not of the backup: chain {own.name}" in done.stderr


def kinds(directory: Path) -> dict[str, list[str]]:
    """Of all records, by chain."""
    return {
        chain.name: [
            orjson.loads(line)["kind"]
            for segment in segments_in(chain)
            for line in segment.path.read_bytes().splitlines()
        ]
        for chain in chains_in(directory)
    }
