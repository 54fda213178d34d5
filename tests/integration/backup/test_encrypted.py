"""Backups that are encrypted, of each database."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from typer.testing import CliRunner

from blrcs.cli import app
from blrcs.database.backup import sealed_file
from blrcs.database.backup.backup_key import BackupKey, parse_backup_key
from blrcs.database.backup.errors import BackupError
from blrcs.database.backup.restore import restore_backup
from blrcs.database.backup.write import write_backup
from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.branch import BLRCS
from blrcs.database.migrations.starting import bring_up_to_date
from tests.conftest import new_database
from tests.integration.backup.test_backup import everything, fill

CHUNK_BYTES = 512
SMALL = b"5a" * 32


def pair() -> tuple[bytes, bytes]:
    private = X25519PrivateKey.generate()
    return (
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


@pytest.fixture
async def full_url(empty_url: str) -> str:
    await bring_up_to_date(kind_of(empty_url).road(empty_url), [BLRCS])
    async with open_database(empty_url, migrate=False) as (database, _):
        await fill(database)
    return empty_url


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Another database, without tables."""
    return new_database("sqlite", request, tmp_path)


async def refused(target: str, path: Path, key: BackupKey | None) -> str:
    """What a restore says that has not even made tables."""
    road = kind_of(target).road(target)
    before = await road.stored([BLRCS.version_table])
    with pytest.raises(BackupError) as caught:
        await restore_backup(target, path, [BLRCS], key=key)
    assert await road.stored([BLRCS.version_table]) == before == [None]
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_only_who_has_the_key_can_read_it(full_url: str, target: str, tmp_path: Path) -> None:
    private, public = pair()
    path = tmp_path / "backup"
    written = await write_backup(full_url, path, version="1", encrypt_to=parse_backup_key(public))
    assert b"password_hash" not in path.read_bytes()
    for wrong in (None, parse_backup_key(public), parse_backup_key(pair()[0])):
        assert str(path) in await refused(target, path, wrong)
    assert str(path) in await refused(target, path, parse_backup_key(SMALL))
    opened = await restore_backup(target, path, [BLRCS], key=parse_backup_key(private))
    assert opened == written
    assert await everything(target) == await everything(full_url)


async def test_one_key_may_do_both(full_url: str, target: str, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    key = parse_backup_key(SMALL)
    written = await write_backup(full_url, path, version="1", encrypt_to=key)
    assert "another key" in await refused(target, path, parse_backup_key(b"5b" * 32))
    assert "public key" in await refused(target, path, parse_backup_key(pair()[0]))
    assert await restore_backup(target, path, [BLRCS], key=key) == written


@pytest.fixture
async def chunked(monkeypatch: Any, request: Any, tmp_path: Path) -> tuple[Path, BackupKey, int]:
    """A backup of many small chunks, its key, and where the first chunk begins."""
    monkeypatch.setattr(sealed_file, "CHUNK_BYTES", CHUNK_BYTES)
    url = new_database("sqlite", request, tmp_path)
    await bring_up_to_date(kind_of(url).road(url), [BLRCS])
    async with open_database(url, migrate=False) as (database, _):
        await fill(database)
    path, key = tmp_path / "backup", parse_backup_key(SMALL)
    await write_backup(url, path, version="1", encrypt_to=key)
    content = path.read_bytes()
    head = len(sealed_file.MAGIC)
    length = int.from_bytes(content[head : head + 2], "big")
    return path, key, head + 2 + length


async def test_what_is_cut_off_moved_or_changed_is_refused(
    chunked: tuple[Path, BackupKey, int], target: str
) -> None:
    path, key, begin = chunked
    content = path.read_bytes()
    size = CHUNK_BYTES + sealed_file.TAG_BYTES
    chunks = [content[at : at + size] for at in range(begin, len(content), size)]
    head = content[:begin]
    assert len(chunks) > 8
    flipped = [bytearray(content) for _ in range(6)]
    for each, at in zip(flipped, (begin - 3, begin, begin + 700, -1, 16, 5), strict=True):
        each[at] ^= 1
    broken = [
        *map(bytes, flipped),
        head + b"".join(chunks[:-1]),
        head + b"".join(chunks[:1]),
        head,
        content[:-1],
        content + b"\0",
        content + chunks[-1],
        head + b"".join(chunks[1:]),
        head + b"".join([chunks[1], chunks[0], *chunks[2:]]),
        head + b"".join([*chunks[:3], chunks[2], *chunks[3:]]),
        head + b"".join([*chunks[:2], *chunks[3:]]),
        content[:20],
        gzip.compress(b'{"blrcs_backup": 1}\n'),
    ]
    for each in broken:
        path.write_bytes(each)
        assert str(path) in await refused(target, path, key)
    path.write_bytes(content)
    await restore_backup(target, path, [BLRCS], key=key)


@pytest.mark.parametrize(
    "content", [b"", b"5a", b"-----BEGIN PUBLIC KEY-----", b"5a" * 33, b"\xff" * 32, b"zz" * 32]
)
def test_what_is_no_key_is_refused(content: bytes) -> None:
    with pytest.raises(BackupError, match="no key"):
        parse_backup_key(content)


def test_the_command_takes_keys_from_files(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    private, public = pair()
    for name, content in (("key", private), ("key.pub", public)):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o644)

    def blrcs(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["db", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    blrcs("upgrade", "--data", "one")
    assert "mode 0644" in blrcs("backup", "file", "--data", "one", "--encrypt-to", "key", code=1)
    blrcs("backup", "file", "--data", "one", "--encrypt-to", "key.pub")
    (tmp_path / "key").chmod(0o600)
    assert "is encrypted: give the key" in blrcs("restore", "file", "--data", "two", code=1)
    assert "Restored" in blrcs("restore", "file", "--data", "two", "--key", "key")
    refused = blrcs("restore", "file", "--data", "three", "--key", "none", code=1)
    assert refused == "blrcs: none: cannot be read: No such file or directory\n"
