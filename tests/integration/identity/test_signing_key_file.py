"""The signing key's file."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519

from blrcs.security.key_file import KeyFileError
from blrcs.security.signing_keys import load_or_create_signing_key


@pytest.fixture
def path(tmp_path):
    return tmp_path / "signing_key.pem"


def write(path, content, mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)


def pem(key, form=serialization.PrivateFormat.PKCS8, passphrase=None):
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


def refusal_of(path):
    with pytest.raises(KeyFileError) as caught:
        load_or_create_signing_key(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_the_first_start_makes_a_key_that_its_owner_alone_can_read(path):
    mask = os.umask(0)
    try:
        key = load_or_create_signing_key(path)
    finally:
        os.umask(mask)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert load_or_create_signing_key(path).kid == key.kid
    parsed = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(parsed, ed25519.Ed25519PrivateKey)


def test_starts_at_once_end_with_one_key(path):
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(load_or_create_signing_key, [path] * 8))

    assert len({key.kid for key in keys}) == 1
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_file_open_to_others_is_refused(path, mode):
    write(path, pem(ed25519.Ed25519PrivateKey.generate()), mode)

    assert f"{mode:04o}" in refusal_of(path)


def test_a_file_that_its_owner_cannot_write_is_fine(path):
    write(path, pem(ed25519.Ed25519PrivateKey.generate()), 0o400)

    assert load_or_create_signing_key(path).kid


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ed448.Ed448PrivateKey.generate()),
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(ed25519.Ed25519PrivateKey.generate(), passphrase=b"secret"),
        pem(ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.OpenSSH),
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    ],
)
def test_anything_but_an_ed25519_key_is_refused_and_kept(path, content):
    write(path, content)

    assert "Ed25519" in refusal_of(path)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_used_is_told_in_one_line(tmp_path):
    assert "No such file" in refusal_of(tmp_path / "missing" / "signing_key.pem")
    (tmp_path / "folder").mkdir()
    refusal_of(tmp_path / "folder")


def test_a_failed_write_leaves_nothing_behind(path, monkeypatch):
    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)

    assert "No space left" in refusal_of(path)
    assert list(path.parent.iterdir()) == []
