"""``blrcs audit`` on the files of a server that does not run."""

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blrcs.audit.chain import Chain
from blrcs.audit.checkpoint import KeySigner
from blrcs.audit.line import encoded
from blrcs.audit.segments import FOLDER, KEY_FILE, segments_in
from blrcs.cli import app, audit_follow
from blrcs.security.signing_keys import load_or_create_signing_key

HOUR_NS = 3600 * 1_000_000_000


def take(data: Path, now_ns: int) -> Chain:
    signer = KeySigner(load_or_create_signing_key(data / KEY_FILE))
    return Chain.take(data / FOLDER, signer=signer, clock=lambda: now_ns)


def record(user: str, *, code: str = "OK", **values) -> bytes:
    return encoded(
        {
            "kind": "call",
            "method": "/a.B/Get",
            "principal": f"users/{user}",
            "resource": f"things/{user}",
            "code": code,
            **values,
        }
    )


@pytest.fixture
def data(tmp_path) -> Path:
    """Three records: of two days, of two hours and of a minute ago."""
    now_ns = time.time_ns()
    chain = take(tmp_path, now_ns - 48 * HOUR_NS)
    chain.append([(now_ns - 48 * HOUR_NS, record("old"))], sign=False)
    chain.append([(now_ns - 2 * HOUR_NS, record("alice", code="NOT_FOUND"))], sign=False)
    chain.append([(now_ns - HOUR_NS // 60, record("\x1b[2Jbob"))], sign=True)
    chain.close()
    return tmp_path


def run(data: Path, *arguments: str, fails: int = 0) -> str:
    result = CliRunner().invoke(app, ["audit", *arguments, "--data", str(data)])
    assert result.exit_code == fails, result.output
    return result.output


def exported(data: Path, *arguments: str) -> list[str]:
    lines = map(json.loads, run(data, "export", *arguments).splitlines())
    return [each["principal"].partition("/")[2] for each in lines if "principal" in each]


def test_what_is_listed_is_of_the_last_day_and_steers_no_terminal(data):
    shown = run(data, "list")
    assert "users/alice" in shown
    assert "users/old" not in shown
    assert "bob" in shown
    assert "\x1b" not in shown
    assert "users/alice" not in run(data, "list", "--limit", "1")


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), ["old", "alice", "\x1b[2Jbob"]),
        (("--since", "3h"), ["alice", "\x1b[2Jbob"]),
        (("--until", "1h"), ["old", "alice"]),
        (("--since", "2001-01-01T00:00:00Z", "--until", "1d"), ["old"]),
        (("--principal", "users/alice"), ["alice"]),
        (("--method", "/a.B/*", "--decision", "failed"), ["alice"]),
        (("--method", "/a.B/Set"), []),
        (("--resource", "things"), ["old", "alice", "\x1b[2Jbob"]),
        (("--resource", "things/old"), ["old"]),
    ],
)
def test_what_is_exported_is_what_was_asked_for(data, arguments, found):
    assert exported(data, *arguments) == found


def test_lines_are_exported_as_they_are_kept(data):
    (chain,) = (data / FOLDER).iterdir()
    (segment,) = segments_in(chain)
    assert run(data, "export").encode() == segment.path.read_bytes()


def test_what_comes_is_followed_until_it_is_interrupted(data, monkeypatch):
    naps = []

    def nap(_):
        naps.append(True)
        if len(naps) == 3:
            raise KeyboardInterrupt
        now_ns = time.time_ns()
        chain = take(data, now_ns)
        chain.append([(now_ns, record(f"new{len(naps)}"))], sign=False)
        chain.close()

    monkeypatch.setattr(audit_follow.time, "sleep", nap)
    lines = run(data, "follow", "--principal", "users/new2").splitlines()
    assert [json.loads(each)["principal"] for each in lines] == ["users/new2"]


def test_who_follows_with_a_cursor_is_told_of_each_record_once(data, tmp_path):
    arguments = ("follow", "--once", "--cursor", str(tmp_path / "cursor"))
    assert len(run(data, *arguments).splitlines()) == 5
    assert run(data, *arguments) == ""
    chain = take(data, time.time_ns())
    chain.append([(time.time_ns(), record("new"))], sign=False)
    chain.close()
    shipped = tmp_path / "shipped.jsonl"
    assert run(data, *arguments, "--output", str(shipped), "--method", "/a.B/*") == ""
    (line,) = map(json.loads, shipped.read_bytes().splitlines())
    assert line["principal"] == "users/new"
    (tmp_path / "cursor").write_text("7")
    assert "is no cursor" in run(data, *arguments, fails=1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("follow", "--once"), "--cursor"),
        (("follow", "--output", "/dev/null"), "--cursor"),
        (("list", "--since", "yesterday"), "--since"),
        (("list", "--decision", "perhaps"), "--decision"),
        (("verify", "--key", "/nowhere"), "/nowhere"),
    ],
)
def test_what_is_meant_by_nothing_is_refused(data, arguments, text):
    assert text in run(data, *arguments, fails=1 if "verify" in arguments else 2)


def test_there_has_to_be_a_log(tmp_path):
    load_or_create_signing_key(tmp_path / KEY_FILE)
    for command in ("list", "verify", "export", "follow", "checkpoints"):
        assert "there is no audit log" in run(tmp_path, command, fails=1)


def test_a_file_of_keys_has_to_be_one(data, tmp_path):
    wrong = tmp_path / "wrong.json"
    for content in ("", "{}", '{"keys": 7}', '{"keys": [{"kty": "oct"}]}', "[]"):
        wrong.write_text(content)
        assert "public keys" in run(data, "verify", "--key", str(wrong), fails=1)
    wrong.write_text("no checkpoint\n")
    assert "--checkpoint" in run(data, "verify", "--checkpoint", str(wrong), fails=1)


def test_a_key_that_was_replaced_still_verifies_what_it_has_signed(data, tmp_path):
    old = tmp_path / "old.json"
    old.write_text(run(data, "key"))
    (data / KEY_FILE).unlink()
    chain = take(data, time.time_ns())
    chain.append([], sign=True)
    chain.close()
    assert "unsigned" in run(data, "verify", fails=1)
    new = tmp_path / "new.json"
    new.write_text(run(data, "key"))
    assert "as they were written" in run(data, "verify", "--key", str(old), "--key", str(new))


def test_a_key_that_was_rotated_still_verifies_elsewhere(data, tmp_path):
    old = tmp_path / "old.json"
    old.write_text(run(data, "key"))
    kid = run(data, "rotate-key").split()[0]
    assert json.loads(run(data, "key"))["keys"][0]["kid"] == kid
    for arguments in ((), ("--key", str(old))):
        assert "as they were written" in run(data, "verify", *arguments)
    (data / KEY_FILE).chmod(0o644)
    assert "open to others" in run(data, "rotate-key", fails=1)


def test_the_logs_of_several_machines_are_one(data, tmp_path):
    """Two that were copied, one as its folder of chains and one as its data directory."""
    trails, keys, kept = [], [], tmp_path / "kept"
    for name, way in (("web-1", ""), ("web-2", FOLDER)):
        machine = tmp_path / name
        machine.mkdir()
        now_ns = time.time_ns()
        signer = KeySigner(load_or_create_signing_key(machine / KEY_FILE))
        chain = Chain.take(
            machine / FOLDER, signer=signer, clock=lambda now_ns=now_ns: now_ns, source=name
        )
        chain.append([(now_ns, record(f"of-{name}"))], sign=True)
        chain.close()
        public = tmp_path / f"{name}.json"
        public.write_text(run(machine, "key"))
        with kept.open("a") as file:
            file.write(run(machine, "checkpoints"))
        trails += ["--trail", str(machine / way)]
        keys += ["--key", str(public)]
    assert exported(data, *trails) == ["of-web-1", "of-web-2"]
    lines = [json.loads(line) for line in run(data, "export", *trails).splitlines()]
    assert {each["source"] for each in lines} == {"web-1", "web-2"}
    assert "web-2" in run(data, "list", *trails)
    verify = ("verify", *trails, "--checkpoint", str(kept))
    assert run(data, *verify, *keys).count("as they were written") == 2
    assert "no checkpoint that a trusted key" in run(data, *verify, *keys[:2], fails=1)
    assert "there is no audit log" in run(data, "list", "--trail", str(tmp_path / "kept"), fails=1)


def test_a_backup_is_restored_on_a_new_machine(data, tmp_path):
    target = tmp_path / "nightly"
    assert "1 chains, read back" in run(data, "backup", str(target))
    assert "is there already" in run(data, "backup", str(target), fails=1)
    assert exported(data, "--trail", str(target)) == ["old", "alice", "\x1b[2Jbob"]
    new = tmp_path / "new" / "data"
    arguments = ("restore", str(target))
    assert "unsigned" in run(new, *arguments, fails=1)
    key = str(target / "audit_public_key.json")
    assert "restored up to record 5" in run(new, *arguments, "--key", key)
    assert "is there already" in run(data, *arguments, fails=1)
    assert exported(new) == ["old", "alice", "\x1b[2Jbob"]
    assert run(new, "verify").count("as they were written") == 2
    (chain,) = (data / FOLDER).iterdir()
    (segment,) = segments_in(chain)
    segment.path.write_bytes(segment.path.read_bytes().replace(b"alice", b"mally"))
    assert "is edited" in run(data, "backup", str(tmp_path / "after"), fails=1)
    assert (tmp_path / "after").exists()
