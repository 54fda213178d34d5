"""Encrypted files by themselves, without what the backup in them is known by."""

import io
import os

import pytest

from blrcs.database.backup import sealed_file
from blrcs.database.backup.backup_key import KEY_BYTES, parse_backup_key
from blrcs.database.backup.errors import BackupError
from blrcs.database.backup.sealed_file import MAGIC, TAG_BYTES, SealedReader, SealedWriter

CHUNK_BYTES = 16
SIZE = CHUNK_BYTES + TAG_BYTES
KEY = parse_backup_key(b"5a" * KEY_BYTES)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(sealed_file, "CHUNK_BYTES", CHUNK_BYTES)


def sealed(plain, key=KEY):
    file = io.BytesIO()
    writer = SealedWriter(file, key, os.urandom(KEY_BYTES))
    for at in range(0, len(plain), 7):
        writer.write(plain[at : at + 7])
    writer.finish()
    return file.getvalue()


def plain(content, key=KEY):
    return io.BufferedReader(SealedReader(io.BytesIO(content), key)).read()


def taken_apart(content):
    end = len(MAGIC) + 2
    end += int.from_bytes(content[len(MAGIC) : end], "big")
    chunks = [content[at : at + SIZE] for at in range(end, len(content), SIZE)]
    return content[:end], chunks


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 1000])
def test_what_was_written_is_read(size):
    text = os.urandom(size)
    content = sealed(text)
    assert plain(content) == text
    head, chunks = taken_apart(content)
    assert len(chunks) == max(1, -(-size // CHUNK_BYTES))
    for count in range(len(chunks)):
        with pytest.raises(BackupError):
            plain(head + b"".join(chunks[:count]))


def test_each_octet_counts():
    content = sealed(b"text of three chunks, or of more")
    for index in range(len(MAGIC), len(content)):
        altered = bytearray(content)
        altered[index] ^= 1
        with pytest.raises(BackupError):
            plain(bytes(altered))


def test_chunks_have_their_places():
    head, chunks = taken_apart(sealed(bytes(CHUNK_BYTES * 4)))
    assert len(set(chunks)) == 4, "equal ones look different"
    one, two, three, last = chunks
    for others in (
        [two, one, three, last],
        [one, one, three, last],
        [one, three, last],
        [one, two, three, last, last],
        [last],
        [one, two, three],
        [last, one, two, three],
    ):
        with pytest.raises(BackupError):
            plain(head + b"".join(others))


def test_chunks_of_another_file_are_not_taken():
    head, chunks = taken_apart(sealed(bytes(CHUNK_BYTES * 2)))
    _, others = taken_apart(sealed(bytes(CHUNK_BYTES * 2)))
    with pytest.raises(BackupError):
        plain(head + chunks[0] + others[1])


def test_what_fails_on_the_way_is_no_whole_file():
    file = io.BytesIO()
    writer = SealedWriter(file, KEY, os.urandom(KEY_BYTES))
    writer.write(bytes(CHUNK_BYTES * 3))
    writer.close()
    with pytest.raises(BackupError):
        plain(file.getvalue())


def test_a_header_that_says_the_same_in_other_words_is_another_one():
    content = sealed(b"text")
    at = len(MAGIC)
    length = int.from_bytes(content[at : at + 2], "big")
    said = content[at + 2 : at + 2 + length].replace(b'{"kind"', b'{ "kind"')
    longer = MAGIC + len(said).to_bytes(2, "big") + said + content[at + 2 + length :]
    with pytest.raises(BackupError):
        plain(longer)
