"""A new key of the audit log: what the one before has signed stays verifiable, no other counts."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.audit.batch import Batch
from blrcs.audit.chain import Chain
from blrcs.audit.checkpoint import ROTATED, KeySigner, PublicAuditKeys
from blrcs.audit.handover import Handover
from blrcs.audit.own_keys import NEXT_KEY_FILE, OwnAuditKeys, rotate_key
from blrcs.audit.retention import retire_idle
from blrcs.audit.segments import FOLDER, KEY_FILE, KEYS_FILE, segments_in
from blrcs.audit.verification import Verification
from blrcs.domain.audit_finding import Finding
from blrcs.security.key_file import KeyFileError
from blrcs.security.signing_keys import SigningKey, load_signing_key, make_signing_key
from tests.unit.audit.chains import NOW_NS, raw_of, records

EVE = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([6]) * 32))


class Server:
    """The audit log in a data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.directory = data / FOLDER
        self.keys = OwnAuditKeys(data)

    def take(self, **options: int) -> Chain:
        """A chain of it."""
        return Chain.take(self.directory, signer=self.keys, clock=lambda: NOW_NS, **options)

    def write(self, *numbers: int) -> Path:
        """Records in a chain, and a checkpoint."""
        chain = self.take()
        chain.append(records(numbers), sign=True)
        chain.close()
        return self.directory / chain.name

    def rotate(self) -> str:
        """See rotate_key."""
        return rotate_key(self.data, lambda: NOW_NS)

    def public(self) -> PublicAuditKeys:
        """The present key alone, as whoever verifies elsewhere has noted it."""
        return PublicAuditKeys.of_jwks(load_signing_key(self.data / KEY_FILE).jwks())

    def findings(self, keys: PublicAuditKeys) -> Sequence[Finding]:
        """What is wrong."""
        return Verification(self.directory, keys).run().findings


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def kinds(chain: Path) -> list[str]:
    return [json.loads(line)["kind"] for line in raw_of(chain).splitlines()]


def test_whoever_trusts_either_key_verifies_what_both_have_signed(server: Server) -> None:
    keys = [server.public()]
    chain = server.write(1)
    for number in (2, 3):
        server.rotate()
        assert server.write(number) == chain
        keys.append(server.public())
    assert kinds(chain).count(ROTATED) == 2
    for each in keys:
        assert server.findings(each) == []
    # Without the file beside the chains, what the chains say is enough.
    (server.directory / KEYS_FILE).unlink()
    for each in keys:
        assert server.findings(each) == []
    assert server.findings(PublicAuditKeys.of_jwks(EVE.jwks())) != []


def test_who_writes_takes_the_new_key_up_with_the_next_checkpoint(server: Server) -> None:
    chain = server.take()
    chain.append(records([1]), sign=True)
    assert chain.is_signed
    kid = server.rotate()
    assert not chain.is_signed
    chain.append([], sign=True)
    assert chain.is_signed
    *_, rotated, checkpoint = map(json.loads, raw_of(server.directory / chain.name).splitlines())
    assert (rotated["kind"], rotated["key"], checkpoint["key"]) == (ROTATED, kid, kid)
    chain.append([], sign=True)
    assert len(kinds(server.directory / chain.name)) == rotated["seq"] + 1
    chain.close()
    assert server.findings(server.public()) == []


def test_a_chain_that_nobody_wrote_meanwhile_tells_of_each_key_between(server: Server) -> None:
    chain = server.write(1)
    for _ in range(3):
        server.rotate()
    assert server.findings(server.public()) == []
    server.write(2)
    (rotated,) = [
        each for each in map(json.loads, raw_of(chain).splitlines()) if each["kind"] == ROTATED
    ]
    assert len(rotated["handovers"]) == 3
    assert server.findings(server.public()) == []


def test_the_private_half_of_the_key_before_is_gone(server: Server) -> None:
    before = (server.data / KEY_FILE).read_bytes()
    server.write(1)
    server.rotate()
    for path in server.data.rglob("*"):
        assert path.is_dir() or before not in path.read_bytes()
    assert not (server.data / NEXT_KEY_FILE).exists()


def test_files_that_were_removed_in_time_are_told_of_by_the_new_key(server: Server) -> None:
    chain = server.take(max_segment_bytes=1)
    for number in range(3):
        chain.append(records([number]), sign=True)
    chain.close()
    first = server.public()
    server.rotate()
    retire_idle(server.directory, 1 << 62, signer=server.keys, clock=lambda: NOW_NS)
    (folder,) = [each for each in server.directory.iterdir() if each.is_dir()]
    assert ROTATED in kinds(folder)
    assert server.findings(first) == []
    assert server.findings(server.public()) == []


class Forger:
    """Can write the files, and has a key of its own."""

    def __init__(self, server: Server, chain: Path) -> None:
        self.server, self.chain = server, chain
        (self.path,) = [each.path for each in segments_in(chain)]

    def add(self, signer: KeySigner, handovers: Sequence[object]) -> None:
        """A record of a rotation, whose hash and signature are in order, and a checkpoint."""
        last = json.loads(raw_of(self.chain).splitlines()[-1])
        batch = Batch(last["seq"], last["hash"], NOW_NS, self.chain.name, last["key"], b"{")
        if handovers:
            values = {"kind": ROTATED, "handovers": handovers, "key": signer.kid}
            batch.add_signed(NOW_NS, values, signer)
        batch.add_signed(NOW_NS, {"kind": "checkpoint", "key": signer.kid}, signer)
        with self.path.open("ab") as file:
            file.write(b"".join(batch.lines))

    def forge(self, old: SigningKey) -> dict[str, object]:
        """A handover to the forger's key that the old key has not signed."""
        forged = dict(Handover.make(EVE, EVE, "2030-01-01T00:00:00.000000Z").values)
        return {**forged, "old": {name: old.jwks()[0][name] for name in ("kty", "crv", "x")}}


def test_a_handover_that_the_key_before_has_not_signed_leads_nowhere(server: Server) -> None:
    chain = server.write(1)
    key = load_signing_key(server.data / KEY_FILE)
    assert Handover.read(Handover.make(key, EVE, "2030-01-01T00:00:00Z").values) is not None
    forger = Forger(server, chain)
    forged = forger.forge(key)
    assert Handover.read(forged) is None
    forger.add(KeySigner(EVE), [forged])
    with (server.directory / KEYS_FILE).open("ab") as file:
        file.write(orjson.dumps(forged) + b"\n")
    (finding,) = server.findings(server.public())
    assert (finding.seq, finding.problem) == (4, "unsigned")
    # Nor where somebody trusts that key for something else.
    both = PublicAuditKeys.of_jwks([*key.jwks(), *EVE.jwks()])
    (finding,) = server.findings(both)
    assert (finding.seq, finding.problem) == (4, "unsigned")


def test_a_key_signs_nothing_any_more_once_it_has_handed_over(server: Server) -> None:
    stolen = load_signing_key(server.data / KEY_FILE)
    chain = server.write(1)
    server.rotate()
    server.write(2)
    last = len(kinds(chain))
    Forger(server, chain).add(KeySigner(stolen), [])
    for trusted in (server.public(), PublicAuditKeys.of_jwks(stolen.jwks())):
        (finding,) = server.findings(trusted)
        assert (finding.seq, finding.problem) == (last + 1, "unsigned")
        assert "handed over" in finding.detail


def test_a_chain_tells_itself_how_its_keys_followed(server: Server) -> None:
    """What stands beside it is no record."""
    old = server.public()
    server.write(1)
    server.rotate()
    silent = KeySigner(load_signing_key(server.data / KEY_FILE))
    chain = Chain.take(server.directory, signer=silent, clock=lambda: NOW_NS)
    chain.append(records([2]), sign=True)
    chain.close()
    (finding,) = server.findings(old)
    assert finding.problem == "unsigned"
    assert "never handed over" in finding.detail


@pytest.mark.parametrize("member", ["signature", "countersignature", "time", "old", "new"])
def test_a_handover_is_what_both_have_signed(member: str) -> None:
    old, new = make_signing_key(), make_signing_key()
    values = Handover.make(old, new, "2030-01-01T00:00:00Z").values
    other = Handover.make(EVE, EVE, "2031-01-01T00:00:00Z").values
    assert Handover.read(values) is not None
    assert Handover.read({**values, member: other[member]}) is None


def test_a_key_that_has_handed_over_twice_leads_to_neither(server: Server) -> None:
    old = server.public()
    stolen = load_signing_key(server.data / KEY_FILE)
    chain = server.write(1)
    server.rotate()
    server.write(2)
    handover = Handover.make(stolen, EVE, "2030-01-01T00:00:00.000000Z")
    with (server.directory / KEYS_FILE).open("ab") as file:
        file.write(orjson.dumps(handover.values) + b"\n")
    assert server.findings(server.public()) == []
    assert [each.problem for each in server.findings(old)] == ["unsigned"]
    Forger(server, chain).add(KeySigner(EVE), [handover.values])
    assert [each.problem for each in server.findings(server.public())] == ["unsigned"]


DAY_NS = 86_400 * 10**9


@pytest.mark.parametrize("days", [-1, 2])
def test_a_key_signs_nothing_of_the_time_of_another(server: Server, days: int) -> None:
    """Whoever has stolen one can write whole chains with it."""
    server.write(1)
    stolen = {-1: None, 2: load_signing_key(server.data / KEY_FILE)}[days]
    server.rotate()
    server.write(2)
    public = server.public()
    signer = KeySigner(stolen or load_signing_key(server.data / KEY_FILE))
    for folder in server.directory.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    then_ns = NOW_NS + days * DAY_NS
    chain = Chain.take(server.directory, signer=signer, clock=lambda: then_ns)
    chain.append([(then_ns, b'{"kind":"call"}')], sign=True)
    chain.close()
    (finding,) = server.findings(public)
    assert (finding.seq, finding.problem) == (1, "unsigned")


def test_what_says_how_keys_followed_cannot_be_taken_away(server: Server) -> None:
    old = server.public()
    chain = server.write(1)
    server.rotate()
    server.write(2)
    (segment,) = segments_in(chain)
    lines = segment.path.read_bytes().splitlines(keepends=True)
    segment.path.write_bytes(b"".join(line for line in lines if b'"kind":"rotated"' not in line))
    (finding,) = server.findings(old)
    assert finding.problem == "removed"


def test_a_key_that_was_put_in_the_place_of_another_is_told_of(server: Server) -> None:
    server.write(1)
    (server.data / KEY_FILE).write_bytes(EVE.to_pem())
    server.write(2)
    (finding,) = server.findings(server.public())
    assert (finding.seq, finding.problem) == (1, "unsigned")


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b'{"old":7}\n', b'{"old":{}', b"\xff\n"])
def test_what_is_no_handover_does_not_matter(server: Server, line: bytes) -> None:
    server.write(1)
    (server.directory / KEYS_FILE).write_bytes(line)
    server.rotate()
    server.write(2)
    assert server.findings(server.public()) == []


class Killed(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("step", ["_append", "make_signing_key", "replace"])
def test_a_rotation_that_was_not_brought_to_its_end_is_taken_up_again(
    server: Server, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.write(1)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        target = "pathlib.Path.replace" if step == "replace" else f"blrcs.audit.own_keys.{step}"
        patch.setattr(target, killed)
        with pytest.raises(Killed):
            server.rotate()
    server.write(2)
    assert server.findings(server.public()) == []
    kid = server.rotate()
    server.write(3)
    assert load_signing_key(server.data / KEY_FILE).kid == kid
    assert server.findings(server.public()) == []
    assert not (server.data / NEXT_KEY_FILE).exists()


def test_where_the_next_key_was_lost_nothing_is_done(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.write(1)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            server.rotate()
    (server.data / NEXT_KEY_FILE).unlink()
    with pytest.raises(KeyFileError, match="is missing"):
        server.rotate()


def test_a_new_key_that_cannot_be_read_does_not_take_the_others_place(server: Server) -> None:
    server.write(1)
    before = server.keys.current().kid
    (server.data / KEY_FILE).write_bytes(b"no key")
    assert server.keys.current().kid == before
    server.write(2)
