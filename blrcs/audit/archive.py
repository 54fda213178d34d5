"""A backup of all chains as one file, which can be encrypted as that of the database is.

The folder that ``back_up`` makes, as a tar of its files, compressed by gzip and sealed.
"""

import fcntl
import gzip
import hashlib
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from blrcs.audit.backup import PUBLIC_KEY_FILE, BackupError, back_up
from blrcs.audit.checkpoint import PublicAuditKeys
from blrcs.audit.segments import DIRECTORY_MODE, FILE_MODE, FOLDER
from blrcs.database.backup.backup_key import BackupKey
from blrcs.database.backup.errors import BackupError as FileError
from blrcs.database.backup.file import written_whole
from blrcs.database.backup.sealed_file import KnownKey, new_file_key, plain_stream
from blrcs.database.backup.write import compressed
from blrcs.domain.audit_finding import Report

_NAME = re.compile(
    rf"{re.escape(PUBLIC_KEY_FILE)}|{FOLDER}/keys\.jsonl"
    rf"|{FOLDER}/[0-9a-f]{{16}}/([0-9]{{20}}\.jsonl|head|restored)"
)
_PREFIX = ".audit-backup."
COPY_BYTES = 1 << 20
LEAST_BYTES = 4096
"""What any file takes on a disk."""
COPIES = 2
"""Of what is unpacked: restoring puts one beside it. What does not fit could not be restored."""


def write_archive(
    directory: Path,
    path: Path,
    keys: PublicAuditKeys,
    *,
    public_key: bytes,
    encrypt_to: BackupKey | None = None,
) -> Report:
    """Writes the chains below a directory to one file, while servers write them.

    It is read back from the disk and compared, and has its name when it is whole. The report says
    whether the chains are as they were written. What is copied meanwhile, unencrypted, lies beside
    the chains, where they are so themselves.

    Raises:
        BackupError: It cannot be written, or the disk does not give back what was.
        OSError: A chain cannot be read or copied.
    """
    file_key = new_file_key()
    known = None if encrypt_to is None else KnownKey(file_key)
    with _told(path), _folder_in(directory.parent) as folder:
        report = back_up(directory, folder / "backup", keys, public_key=public_key)
        with written_whole(path) as draft:
            with compressed(draft, encrypt_to, file_key) as stream:
                _pack(folder / "backup", stream)
            with _members(draft, known) as members:
                found = {name: _digest(file) for name, _, file in members}
            if found != _digests(folder / "backup"):
                raise BackupError(f"{path}: the disk does not give back what was written")
    return report


@contextmanager
def unpacked(path: Path, directory: Path, key: BackupKey | None = None) -> Iterator[Path]:
    """The folder of a backup, while the block runs; it lies in the directory.

    Args:
        path: As ``write_archive`` wrote it.
        directory: Takes the folder, for nobody but its owner.
        key: What opens the file, where it is encrypted.

    Raises:
        BackupError: It is not what was written, or encrypted to another key.
        OSError: It cannot be read.
    """
    with _folder_in(directory) as folder:
        with _told(path), _members(path, key) as members:
            left = _free_bytes(directory) // COPIES
            for name, size_bytes, file in members:
                left -= max(size_bytes, LEAST_BYTES)
                if left < 0:
                    raise BackupError(f"{path}: is too large for the disk of {directory}")
                target = folder / name
                if target.exists():
                    raise BackupError(f"{path}: is no backup of an audit log")
                target.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
                with target.open("xb") as written:
                    target.chmod(FILE_MODE)
                    shutil.copyfileobj(file, written, COPY_BYTES)
        yield folder


class _PlainMember(tarfile.TarInfo):
    """A member whose header says all of it.

    Headers that are extended are read whole into the memory, and what is sparse takes no room in
    the file and any on the disk. None of it is written here, so none is read.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE}:
            raise FileError("is no backup of an audit log")
        return member


def _pack(folder: Path, stream: IO[bytes]) -> None:
    # This format has the size of a file of any size in the one header.
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as packed:
        for path in _files(folder):
            member = tarfile.TarInfo(str(path.relative_to(folder)))
            member.size = path.stat().st_size
            with path.open("rb") as file:
                packed.addfile(member, file)


@contextmanager
def _members(path: Path, key: BackupKey | None) -> Iterator[Iterator[tuple[str, int, IO[bytes]]]]:
    """The files in one that was written, in their order; each is read before the next."""
    with plain_stream(path, key) as stream, gzip.open(stream, "rb") as plain:
        yield _each(path, plain)


def _each(path: Path, plain: gzip.GzipFile) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(fileobj=plain, mode="r|", tarinfo=_PlainMember) as packed:
        while (member := packed.next()) is not None:
            packed.members.clear()  # type: ignore[attr-defined]  # it keeps all that it has read
            file = packed.extractfile(member)
            # What has another name was not packed here, and may lead out of the folder.
            if file is None or not _NAME.fullmatch(member.name):
                raise BackupError(f"{path}: is no backup of an audit log")
            yield member.name, member.size, file
    # To its end, so that what was cut off there is seen.
    while plain.read(COPY_BYTES):
        pass


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def _digests(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in _files(folder):
        with path.open("rb") as file:
            found[str(path.relative_to(folder))] = _digest(file)
    return found


def _free_bytes(directory: Path) -> int:
    return shutil.disk_usage(directory).free


def _digest(file: IO[bytes]) -> bytes:
    digest = hashlib.sha256()
    while octets := file.read(COPY_BYTES):
        digest.update(octets)
    return digest.digest()


@contextmanager
def _folder_in(directory: Path) -> Iterator[Path]:
    """A folder for its owner alone; it is gone when the block ends, or the next one begins.

    Whoever has one holds a lock on it, which is gone with its process, however that ends.
    """
    for left in directory.glob(f"{_PREFIX}*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=directory))
    with _locked(folder):
        try:
            yield folder
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """BlockingIOError where another process has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Has what is wrong with the file raise BackupError, with its name."""
    try:
        yield
    except FileError as error:
        said = str(error)
        raise BackupError(said if str(path) in said else f"{path}: {said}") from error
    except (EOFError, zlib.error, tarfile.TarError, gzip.BadGzipFile) as error:
        raise BackupError(f"{path}: is cut off, damaged, or no backup of an audit log") from error
