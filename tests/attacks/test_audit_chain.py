"""Somebody who can write to the audit log's files changes them beneath a running server."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blrcs.audit.checkpoint import KeySigner
from blrcs.audit.line import Line
from blrcs.audit.segments import FOLDER, KEY_FILE, segments_in
from blrcs.security.signing_keys import load_signing_key
from blrcs.v1 import audit_pb2, audit_pb2_grpc
from tests.attacks.world import World
from tests.e2e.server import blrcs
from tests.unit.audit.chains import FORGERIES, write_chain
from tests.unit.audit.chains import forged as forged_line
from tests.unit.audit.test_verification import resealed

COUNT = 12
Lines = list[bytes]


@pytest.fixture
def chain(attacked: World) -> Iterator[Path]:
    """A whole chain among those of the server, signed by its key; nobody writes to it any more."""
    signer = KeySigner(load_signing_key(attacked.data / KEY_FILE))
    written = write_chain(attacked.data / FOLDER, COUNT, signer=signer)
    yield written
    shutil.rmtree(written)


def seen(world: World, chain: Path) -> tuple[str, int]:
    """What is wrong with it, and from which record on."""
    request = audit_pb2.VerifyRequest()
    stub = audit_pb2_grpc.AuditServiceStub(world.channel)
    chains = stub.Verify(request, metadata=world.admin).chains
    assert len(chains) > 1
    assert [each.problem for each in chains if each.chain != chain.name] == [""] * (len(chains) - 1)
    (found,) = [each for each in chains if each.chain == chain.name]
    return found.problem, found.problem_seq


def edited(lines: Lines) -> Lines:
    return [*lines[:4], lines[4].replace(b"4", b"5", 1), *lines[5:]]


def edited_with_a_hash_that_fits(lines: Lines) -> Lines:
    return [*lines[:4], resealed(lines[4], number=99), *lines[5:]]


def written_anew(lines: Lines) -> Lines:
    """From a record on, with all hashes as they have to be: what lacks are signatures."""
    changed = lines[:4]
    before = lines[3]
    for line in [resealed(lines[4], number=99), *lines[5:]]:
        read = Line.read(before)
        assert read is not None
        before = resealed(line, prev=read.hash)
        changed.append(before)
    return changed


def removed(lines: Lines) -> Lines:
    return lines[:4] + lines[5:]


def reordered(lines: Lines) -> Lines:
    return [*lines[:4], lines[5], lines[4], *lines[6:]]


def truncated(lines: Lines) -> Lines:
    return lines[:-3]


def forked(lines: Lines) -> Lines:
    return [*lines[:5], resealed(lines[4], number=99), *lines[5:]]


def of_a_form_that_is_none(members: bytes) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines[:4], forged_line(lines[4], members), *lines[5:]]


@pytest.mark.parametrize(
    ("tamper", "problem", "seq"),
    [
        (edited, "edited", 5),
        (edited_with_a_hash_that_fits, "edited", 5),
        (removed, "removed", 5),
        (reordered, "reordered", 5),
        (truncated, "truncated", 14),
        (forked, "forked", 5),
        *((of_a_form_that_is_none(each), "edited", 5) for each in FORGERIES),
    ],
)
def test_whatever_is_done_to_a_chain_is_seen(
    attacked: World, chain: Path, tamper: Callable[[Lines], Lines], problem: str, seq: int
) -> None:
    assert seen(attacked, chain) == ("", 0)
    (segment,) = segments_in(chain)
    lines = segment.path.read_bytes().splitlines(keepends=True)
    segment.path.write_bytes(b"".join(tamper(lines)))
    assert seen(attacked, chain) == (problem, seq)
    segment.path.write_bytes(b"".join(lines))
    assert seen(attacked, chain) == ("", 0)


def test_the_operator_sees_it_too(attacked: World, chain: Path) -> None:
    def verified() -> tuple[int, str]:
        done = blrcs("audit", "verify", cwd=attacked.server.directory)
        return done.returncode, done.stdout

    assert verified()[0] == 0
    (segment,) = segments_in(chain)
    lines = segment.path.read_bytes().splitlines(keepends=True)
    segment.path.write_bytes(b"".join(written_anew(lines)))
    code, said = verified()
    assert code == 1
    assert chain.name in said
    assert "unsigned" in said
    assert seen(attacked, chain)[0] == "unsigned"
