"""Signing keys on disk: rotation, retirement, and what a process that is killed leaves."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from blrcs.domain.errors import FailedPreconditionError
from blrcs.security import key_directory, signing_keys
from blrcs.security.key_directory import KeyDirectory
from blrcs.security.key_file import KeyFileError
from blrcs.security.key_ring import KeyRing
from blrcs.security.signing_keys import load_or_create_signing_key
from tests.unit.application.identity_fakes import MINUTE_NS, NOW_NS, FakeClock

OVERLAP_NS = 10 * MINUTE_NS


@pytest.fixture
def directory(tmp_path):
    made = KeyDirectory(tmp_path, overlap_ns=OVERLAP_NS)
    made.make()
    return made


def kids(directory):
    return [key.kid for key in directory.read().schedule.keys]


def files(directory):
    return {each.name for each in directory.path.iterdir()}


def first_signs_from(directory, clock):
    """The first key's time is its file's: long before the tests' clock, for these."""
    path = directory.path.parent / "signing_key.pem"
    os.utime(path, ns=(clock() - MINUTE_NS, clock() - MINUTE_NS))


def test_the_first_key_is_the_one_file_until_there_is_another(directory, tmp_path):
    clock = FakeClock()
    first_signs_from(directory, clock)
    first = load_or_create_signing_key(tmp_path / "signing_key.pem")
    assert kids(directory) == [first.kid]
    assert files(directory) == set()

    added = directory.rotate(clock(), sign_time_ns=clock() + MINUTE_NS)

    assert kids(directory) == [first.kid, added.kid]
    expected = {"keys.json", "lock", f"{first.kid}.pem", f"{added.kid}.pem"}
    assert files(directory) == expected
    assert not (tmp_path / "signing_key.pem").exists()
    for name in expected:
        assert stat.S_IMODE((directory.path / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    directory.make()
    assert not (tmp_path / "signing_key.pem").exists()


def test_a_retired_key_leaves_no_private_half(directory):
    clock = FakeClock()
    first_signs_from(directory, clock)
    directory.rotate(clock(), sign_time_ns=clock() + MINUTE_NS)
    first, second = kids(directory)
    private = directory.read().by_kid[first].private_key.private_bytes_raw()

    directory.retire(first, clock(), force=True)

    assert files(directory) == {"keys.json", "lock", f"{second}.pem"}
    assert directory.read().schedule.signer(clock()).kid == second
    assert list(directory.read().by_kid) == [second]
    for each in directory.path.iterdir():
        assert private not in each.read_bytes()


def test_a_ring_takes_up_what_changes_and_keeps_its_objects(directory):
    clock = FakeClock()
    first_signs_from(directory, clock)
    ring = KeyRing(directory, clock=clock)
    (before,) = ring.keyset()
    assert not ring.refresh()

    added = directory.rotate(clock(), sign_time_ns=clock() + MINUTE_NS)

    assert ring.refresh()
    assert [key.kid for key in ring.keyset()] == [before.kid, added.kid]
    assert next(iter(ring.keyset())) is before
    assert [jwk["kid"] for jwk in ring.jwks()] == [before.kid, added.kid]
    assert ring.signer().kid == before.kid
    clock.advance(MINUTE_NS)
    assert ring.signer().kid == added.kid
    clock.advance(OVERLAP_NS)
    assert [key.kid for key in ring.keyset()] == [added.kid]
    assert not ring.retired


def test_of_rotations_at_once_one_adds_a_key(directory):
    def rotate(_):
        try:
            return directory.rotate(NOW_NS, sign_time_ns=NOW_NS + 2**62)
        except FailedPreconditionError as error:
            return error.reason

    first_signs_from(directory, FakeClock())
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(rotate, range(8)))

    assert results.count("KEY_WAITS") == 7
    assert len(kids(directory)) == 2


@pytest.mark.parametrize("look", ["read", "make"])
@pytest.mark.parametrize("moved", ["before its file is looked for", "before it is read"])
def test_a_first_key_that_a_rotation_moves_is_neither_missed_nor_made_anew(
    directory, monkeypatch, look, moved
):
    first_signs_from(directory, FakeClock())
    (first,) = kids(directory)
    module = key_directory if moved == "before its file is looked for" else signing_keys
    name = "load_or_create_signing_key" if module is key_directory else "load_signing_key"
    load = getattr(module, name)

    def load_behind_a_rotation(path):
        monkeypatch.setattr(module, name, load)
        directory.rotate(NOW_NS, sign_time_ns=NOW_NS + MINUTE_NS)
        return load(path)

    monkeypatch.setattr(module, name, load_behind_a_rotation)
    found = getattr(directory, look)()

    assert getattr(module, name) is load
    assert kids(directory)[0] == first
    assert len(kids(directory)) == 2
    if look == "read":
        assert list(found.by_kid) == kids(directory)
    assert not (directory.path.parent / "signing_key.pem").exists()


@pytest.mark.parametrize("name", ["replace_key_file", "create_key_file"])
def test_a_change_that_fails_on_its_way_changes_nothing(directory, monkeypatch, name):
    clock = FakeClock()
    first_signs_from(directory, clock)
    before = kids(directory)

    def fail(path, content):
        raise KeyFileError(path, "cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr(key_directory, name, fail)
        with pytest.raises(KeyFileError):
            directory.rotate(clock(), sign_time_ns=clock() + MINUTE_NS)
    assert kids(directory) == before

    directory.rotate(clock(), sign_time_ns=clock() + MINUTE_NS)
    assert kids(directory)[0] == before[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"keys": []}',
        b'{"keys": [{"kid": "../x", "created": "2026-01-01T00:00:00Z"}]}',
        b'{"keys": [{"kid": "x", "created": "2026-01-01", "signs_from": "no", "retired": null}]}',
    ],
)
def test_a_manifest_that_is_none_is_refused(directory, content):
    manifest = directory.path / "keys.json"
    manifest.write_bytes(content)
    manifest.chmod(0o600)

    with pytest.raises(KeyFileError) as refused:
        directory.read()
    assert str(refused.value).startswith(f"{manifest}: ")


def test_what_others_can_read_and_what_is_another_key_is_refused(directory):
    clock = FakeClock()
    first_signs_from(directory, clock)
    directory.rotate(clock(), sign_time_ns=clock() + MINUTE_NS)
    first, second = kids(directory)
    manifest = directory.path / "keys.json"

    (directory.path / f"{first}.pem").chmod(0o644)
    with pytest.raises(KeyFileError, match="open to others"):
        directory.read()
    (directory.path / f"{first}.pem").chmod(0o600)
    manifest.chmod(0o604)
    with pytest.raises(KeyFileError, match="open to others"):
        directory.read()
    manifest.chmod(0o600)
    (directory.path / f"{first}.pem").write_bytes((directory.path / f"{second}.pem").read_bytes())
    with pytest.raises(KeyFileError, match="another key"):
        directory.read()


def test_a_manifest_names_a_key_once(directory):
    clock = FakeClock()
    directory.rotate(clock(), sign_time_ns=clock() + MINUTE_NS)
    manifest = directory.path / "keys.json"
    keys = orjson.loads(manifest.read_bytes())["keys"]
    manifest.write_bytes(orjson.dumps({"keys": [*keys, keys[0]]}))

    with pytest.raises(KeyFileError, match="twice"):
        directory.read()
