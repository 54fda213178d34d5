"""The audit log's own keys in a data directory: the one that signs, and how it came to do so."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import structlog

from blrcs.application.ports.clock import Clock
from blrcs.audit.checkpoint import KeySigner, PublicAuditKeys
from blrcs.audit.handover import Handover
from blrcs.audit.key_history import KeyHistory, read_handovers
from blrcs.audit.line import Line
from blrcs.audit.segments import FILE_MODE, FOLDER, KEY_FILE, KEYS_FILE
from blrcs.domain.instant import to_instant
from blrcs.files import sync_directory
from blrcs.security.key_file import KeyFileError, create_key_file
from blrcs.security.signing_keys import (
    SigningKey,
    load_or_create_signing_key,
    load_signing_key,
    make_signing_key,
)

NEXT_KEY_FILE = "audit_key.next.pem"

log = structlog.get_logger("blrcs.audit")


class OwnAuditKeys:
    """Implements Signers with the key that lies in the data directory, also once it is replaced.

    Args:
        data_directory: Where it lies; it is made where there is none.

    Raises:
        KeyFileError: It cannot be used.
    """

    def __init__(self, data_directory: Path) -> None:
        self._path = data_directory / KEY_FILE
        self._directory = data_directory / FOLDER
        load_or_create_signing_key(self._path)
        self._stamp = _stamp(self._path)
        self._load()

    def current(self) -> KeySigner:
        """See Signers. A key that cannot be read does not take the other one's place."""
        stamp = _stamp(self._path)
        if stamp not in (None, self._stamp):
            self._stamp = stamp
            try:
                self._load()
                log.info("the audit log's key was replaced", key=self._signer.kid)
            except (KeyFileError, OSError):
                log.exception("the audit log's new key cannot be used")
        return self._signer

    def anchors(self) -> PublicAuditKeys:
        """The present key, from which the others follow."""
        self.current()
        return self._anchors

    def knows(self, line: Line) -> bool:
        """See Signers."""
        return self._trusted.signed(line)

    def handovers(self, kid: str, to: str) -> Sequence[Mapping[str, Any]]:
        """See Signers."""
        return [each.values for each in self._history.path(kid, to)]

    def _load(self) -> None:
        key = load_signing_key(self._path)
        history = KeyHistory()
        for handover in read_handovers(self._directory):
            history.add(handover)
        self._history = history
        self._anchors = PublicAuditKeys.of_jwks(key.jwks())
        self._trusted = history.trusted_from(self._anchors)
        self._signer = KeySigner(key)


def rotate_key(data_directory: Path, clock: Clock) -> str:
    """Has a new key sign from now on; its thumbprint. The old private key is no more then.

    Whoever is killed while he does so leaves either key, and the next rotation goes on from there.
    Those that write chains take the new key up with their next checkpoint.

    Raises:
        KeyFileError: A key cannot be used or written.
        OSError: The history of keys cannot be written.
    """
    directory, path = data_directory / FOLDER, data_directory / KEY_FILE
    draft = data_directory / NEXT_KEY_FILE
    with _history_file(directory) as file:
        old = load_signing_key(path)
        handed_over = [each.new for each in read_handovers(directory) if each.old == old.kid]
        new = _begun(draft, handed_over)
        if new is None:
            draft.unlink(missing_ok=True)
            create_key_file(draft, make_signing_key().to_pem())
            new = load_signing_key(draft)
            handover = Handover.make(old, new, to_instant(clock()))
            _append(file, orjson.dumps(handover.values) + b"\n")
        draft.replace(path)
        sync_directory(data_directory)
        return new.kid


def add_handovers(directory: Path, source: Path) -> None:
    """Has a history tell of the handovers of another too; OSError where it cannot be written."""
    with _history_file(directory) as file:
        known = [each.values for each in read_handovers(directory)]
        for each in read_handovers(source):
            if each.values not in known:
                _append(file, orjson.dumps(each.values) + b"\n")


def _begun(draft: Path, handed_over: Sequence[str]) -> SigningKey | None:
    """The key of a rotation that was not brought to its end, where the old key has handed over."""
    if not draft.exists():
        if handed_over:
            raise KeyFileError(draft, "is missing, and the present key has handed over to it")
        return None
    key = load_signing_key(draft)
    return key if key.kid in handed_over else None


@contextlib.contextmanager
def _history_file(directory: Path) -> Iterator[int]:
    """The file of handovers, to be written by nobody else meanwhile."""
    file = os.open(directory / KEYS_FILE, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        sync_directory(directory)
        yield file
    finally:
        os.close(file)


def _append(file: int, raw: bytes) -> None:
    """Behind the last whole line."""
    content = os.pread(file, os.fstat(file).st_size, 0)
    end = content.rfind(b"\n") + 1
    os.ftruncate(file, end)
    os.pwrite(file, raw, end)
    os.fsync(file)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
