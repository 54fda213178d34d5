"""The signing keys of a server: a file for each, and a manifest of their times.

Until the first rotation there is one key, in a file beside the directory. Whoever changes something
holds the directory's lock; the manifest is replaced in one step, after the files that it names are
durable and before those that it no longer names go. So a reader needs no lock, and a process that
is killed at any instant leaves what was before or what shall be.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from blrcs.domain.key_schedule import KeySchedule, ScheduledKey
from blrcs.security.key_file import (
    OWNER_ONLY,
    KeyFileError,
    create_key_file,
    read_key_file,
    replace_key_file,
)
from blrcs.security.key_manifest import parse_manifest, write_manifest
from blrcs.security.signing_keys import (
    SigningKey,
    load_or_create_signing_key,
    load_signing_key,
    make_signing_key,
)

DIRECTORY = "keys"
FIRST_KEY = "signing_key.pem"
MANIFEST = "keys.json"
LOCK = "lock"
DIRECTORY_MODE = 0o700

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """What was read at one time: the schedule, and the keys of it that are not retired."""

    schedule: KeySchedule
    by_kid: Mapping[str, SigningKey]


class KeyDirectory:
    """The directory ``keys`` of a data directory.

    Every method raises KeyFileError where a file cannot be used, read or written.

    Args:
        data_directory: Holds it, and the file of the first key.
        overlap_ns: For how long a token may be valid, with the leeway of clocks.
    """

    def __init__(self, data_directory: Path, *, overlap_ns: int) -> None:
        self.path = data_directory / DIRECTORY
        self._first_key = data_directory / FIRST_KEY
        self._manifest = self.path / MANIFEST
        self.overlap_ns = overlap_ns

    def make(self, *, first_key: bool = True) -> None:
        """Makes what is not there: the directory, and the first key if there is to be one."""
        try:
            self.path.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        except OSError as error:
            raise KeyFileError(self.path, f"cannot be made: {error.strerror}") from error
        if first_key and self.stamp() is None:
            try:
                self._first()
            except KeyFileError:
                if self.stamp() is None:
                    raise

    @property
    def is_made(self) -> bool:
        """Whether there is a key."""
        return self.stamp() is not None or self._first_key.exists()

    def stamp(self) -> Stamp | None:
        """What differs once the manifest was replaced; None before there is one."""
        try:
            status = self._manifest.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self, known: Mapping[str, SigningKey] | None = None) -> StoredKeys:
        """All that is there; of keys that are known already, the same objects."""
        while True:
            stamp = self.stamp()
            try:
                return self._read_first() if stamp is None else self._read_all(known or {})
            except KeyFileError:
                # What a manifest named, or the first key, may be gone by a change made meanwhile.
                if stamp == self.stamp():
                    raise

    def _read_all(self, known: Mapping[str, SigningKey]) -> StoredKeys:
        keys = parse_manifest(self._manifest, read_key_file(self._manifest))
        by_kid = {key.kid: self._load(key, known) for key in keys if not key.is_retired}
        return StoredKeys(KeySchedule(keys, self.overlap_ns), by_kid)

    def rotate(self, now_ns: int, *, sign_time_ns: int) -> ScheduledKey:
        """Adds a key that is to sign from a time on.

        Raises:
            FailedPreconditionError: Another one waits to sign.
        """
        added = self._new_key(now_ns, sign_time_ns)
        return self._change(added, lambda schedule: schedule.with_key(added[0], now_ns))

    def retire(self, kid: str, now_ns: int, *, force: bool = False) -> None:
        """Withdraws a key; where it signs, another one begins to at once.

        Raises:
            NotFoundError: There is no such key.
            FailedPreconditionError: It signs, and this is not forced.
        """
        spare = self._new_key(now_ns, now_ns)
        self._change(
            spare,
            lambda schedule: schedule.without(kid, now_ns, successor=spare[0], force=force),
        )

    def merge(self, others: StoredKeys | None, now_ns: int) -> StoredKeys:
        """Takes in keys of other machines, and returns all. Where there are none, one is made."""
        if others is None:
            self.make()
            return self.read()
        with self._locked(first_key=False):
            before = self.read() if self.is_made else None
            if before is None:
                schedule, by_kid = others.schedule, dict(others.by_kid)
            else:
                schedule = before.schedule.merged(others.schedule, now_ns)
                by_kid = {**others.by_kid, **before.by_kid}
            if not schedule.has_live_keys:
                # Each of two machines has retired the key that the other one signs with.
                added, key = self._new_key(now_ns, now_ns)
                schedule = replace(schedule, keys=(*schedule.keys, added))
                by_kid[key.kid] = key
            if before is None or schedule != before.schedule:
                self._put(schedule, by_kid, before.by_kid if before else {})
        return self.read(by_kid)

    def _change(
        self,
        spare: tuple[ScheduledKey, SigningKey],
        change: Callable[[KeySchedule], KeySchedule],
    ) -> ScheduledKey:
        with self._locked():
            before = self.read()
            after = change(before.schedule)
            by_kid = {**before.by_kid, spare[1].kid: spare[1]}
            self._put(after, by_kid, before.by_kid)
        return spare[0]

    def _put(
        self,
        schedule: KeySchedule,
        by_kid: Mapping[str, SigningKey],
        before: Mapping[str, SigningKey],
    ) -> None:
        """Has the files say so. The lock is held."""
        kept = {key.kid for key in schedule.keys if not key.is_retired}
        for kid in by_kid.keys() & kept:
            create_key_file(self._file_of(kid), by_kid[kid].to_pem())
        replace_key_file(self._manifest, write_manifest(schedule.keys))
        for kid in before.keys() - kept:
            self._file_of(kid).unlink(missing_ok=True)
        self._remove_first()

    @contextlib.contextmanager
    def _locked(self, *, first_key: bool = True) -> Iterator[None]:
        self.make(first_key=first_key)
        try:
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        except OSError as error:
            raise KeyFileError(self.path, f"cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _read_first(self) -> StoredKeys:
        key, made_ns = self._first()
        entry = ScheduledKey(kid=key.kid, create_time_ns=made_ns, sign_time_ns=made_ns)
        return StoredKeys(KeySchedule((entry,), self.overlap_ns), {key.kid: key})

    def _first(self) -> tuple[SigningKey, int]:
        """The first key and its file's time; KeyFileError also where a manifest came meanwhile."""
        key = load_or_create_signing_key(self._first_key)
        try:
            made_ns = self._first_key.stat().st_mtime_ns
        except OSError as error:
            raise KeyFileError(self._first_key, f"cannot be read: {error.strerror}") from error
        if self.stamp() is not None:
            # A rotation has moved it; the file may be a new one, made here behind that.
            self._remove_first()
            raise KeyFileError(self._first_key, "was moved by a rotation")
        return key, made_ns

    def _remove_first(self) -> None:
        # Where it cannot be removed, nobody reads it any more.
        with contextlib.suppress(OSError):
            self._first_key.unlink(missing_ok=True)

    def _load(self, entry: ScheduledKey, known: Mapping[str, SigningKey]) -> SigningKey:
        if entry.kid in known:
            return known[entry.kid]
        path = self._file_of(entry.kid)
        key = load_signing_key(path)
        if key.kid != entry.kid:
            raise KeyFileError(path, "holds another key than its name says")
        return key

    def _new_key(self, now_ns: int, sign_time_ns: int) -> tuple[ScheduledKey, SigningKey]:
        key = make_signing_key()
        return (
            ScheduledKey(kid=key.kid, create_time_ns=now_ns, sign_time_ns=sign_time_ns),
            key,
        )

    def _file_of(self, kid: str) -> Path:
        return self.path / f"{kid}.pem"


def is_in_use(data_directory: Path) -> bool:
    """Whether a server runs on a data directory now."""
    try:
        lock = os.open(data_directory / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)
