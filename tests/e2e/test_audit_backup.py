"""The audit log of a machine that is lost, on the one that takes its place."""

from collections.abc import Callable
from pathlib import Path

import grpc

from blrcs.audit.checkpoint import CHECKPOINT
from blrcs.audit.line import Line
from blrcs.audit.segments import FOLDER, chains_in, segments_in
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
    assert "unsigned" in restore(*key)
    assert blrcs("db", "check", cwd=new).returncode == 1
    assert restore(*key, "--audit-key", public) == ""
    verified = blrcs("audit", "verify", cwd=new)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    methods = blrcs("audit", "export", cwd=new).stdout
    for each in ("AuthService/SignIn", "blrcs db backup"):
        assert each in methods
    assert begin(start, new, "web-2").address
