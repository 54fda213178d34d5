"""The writer of one chain."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from blrcs.application.ports.clock import Clock
from blrcs.audit.batch import Batch
from blrcs.audit.checkpoint import (
    CHECKPOINT,
    ROTATED,
    Signer,
    Signers,
    place_of,
)
from blrcs.audit.line import Line, encoded
from blrcs.audit.segments import (
    DIRECTORY_MODE,
    FILE_MODE,
    HEAD,
    chains_in,
    hold,
    is_restored,
    segment_path,
)
from blrcs.audit.tail import DamagedChainError, Tail, read_tail
from blrcs.files import sync_directory

MAX_SEGMENT_BYTES = 16 << 20
CHECKPOINT_RECORDS = 1024
OPENED = "opened"
CHAIN_BYTES = 8


class Chain:
    """One of the chains of a server, held by this process alone until it is closed or ends.

    What ``append`` has returned from is on the disk. Where it raises, nothing of it is in the
    chain, and the same may be tried again: a write that failed is cut off before the next one, so
    that a record is never in the chain twice. Not for several threads at once.

    Args:
        folder: Where it lies.
        lock: The descriptor that holds it (flock(2)); the kernel drops it with the process.
        tail: Where it ends.
        signer: Signs its checkpoints. Where another key does than before, a record says how it
            followed the one before.
        clock: Tells when.
        opening: Goes before the first record that is added.
        source: Which machine it is of, as each record says; empty for none.
        max_segment_bytes: A file that has come to that size is the last one's predecessor.
    """

    def __init__(
        self,
        folder: Path,
        lock: int,
        tail: Tail,
        *,
        signer: Signers,
        clock: Clock,
        opening: Mapping[str, Any] | None = None,
        source: str = "",
        max_segment_bytes: int = MAX_SEGMENT_BYTES,
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._signer = signer
        self._clock = clock
        self._opening = opening
        self._source = encoded({"source": source})[:-1] + b"," if source else b"{"
        self._max_segment_bytes = max_segment_bytes
        self._seq, self._hash = tail.seq, tail.hash
        self._checkpoint = tail.checkpoint
        self._key = tail.key
        self._unsigned = tail.unsigned
        self.head = b""
        self._last_ns = tail.time_ns
        self._file: int | None = None
        self._size_bytes = tail.size_bytes
        self._is_clean = not tail.torn
        if tail.path is not None:
            self._file = os.open(tail.path, os.O_WRONLY)

    @classmethod
    def take(cls, directory: Path, **options: Any) -> Self:
        """The first chain below a directory that nobody writes, or a new one.

        A chain that was restored is left to itself. One whose end is not as a writer leaves it
        stays as it is, for whoever looks into it; the one that is taken instead tells of it.

        Raises:
            OSError: The directory cannot be read or written.
        """
        directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        damaged: list[str] = []
        for folder in chains_in(directory):
            lock = None if is_restored(folder) else hold(folder)
            if lock is None:
                continue
            try:
                return cls._opened(folder, lock, damaged, **options)
            except DamagedChainError:
                damaged.append(folder.name)
                os.close(lock)
        lock = None
        while lock is None:  # another process that begins may find it first, and has it then
            folder = directory / secrets.token_hex(CHAIN_BYTES)
            folder.mkdir(mode=DIRECTORY_MODE)
            sync_directory(directory)
            lock = hold(folder)
        return cls._opened(folder, lock, damaged, **options)

    @classmethod
    def _opened(cls, folder: Path, lock: int, damaged: Sequence[str], **options: Any) -> Self:
        tail = read_tail(folder)
        opening: dict[str, Any] = {"kind": OPENED}
        if tail.torn:
            digest = hashlib.sha256(tail.torn).hexdigest()
            opening["torn"] = {"bytes": len(tail.torn), "sha256": digest}
        if damaged:
            opening["damaged"] = list(damaged)
        return cls(folder, lock, tail, opening=opening, **options)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder

    @property
    def name(self) -> str:
        """What tells it from all other chains, anywhere."""
        return self._folder.name

    @property
    def is_signed(self) -> bool:
        """Whether its last record is a checkpoint, by the key that signs now."""
        return not self._unsigned and self._key == self._signer.current().kid

    def append(self, records: Sequence[tuple[int, bytes]], *, sign: bool) -> None:
        """Adds records, each with the instant that it is of, in their order.

        Instants never go back in a chain: one that is earlier than the last one's is written as
        that one.

        Args:
            records: What is recorded, as JSON.
            sign: Have a checkpoint follow, though it is not due.

        Raises:
            OSError: They are not written.
        """
        batch = self._batch()
        if self._opening is not None:
            batch.add(self._clock(), encoded(self._opening))
        for time_ns, values in records:
            batch.add(time_ns, values)
        unsigned = self._unsigned + len(batch.lines)
        checkpoint = self._checkpoint
        if unsigned >= CHECKPOINT_RECORDS or (sign and (unsigned or not self.is_signed)):
            signer = self._take_up_key(batch)
            told = self._checkpoint_values(signer.kid)
            checkpoint = batch.add_signed(self._clock(), told, signer)
            unsigned = 0
        self._write(batch)
        self._opening = None
        self._unsigned = unsigned
        if checkpoint is not self._checkpoint:
            self._checkpoint = checkpoint
            self.head = batch.lines[-1]
            self._show_head(self.head)

    def append_signed(self, values: Mapping[str, Any]) -> None:
        """Adds a record that is signed itself, and a checkpoint behind it.

        Raises:
            OSError: They are not written.
        """
        self.append([], sign=True)
        self.write_signed(values)
        self.append([], sign=True)

    def close(self) -> None:
        """Lets the chain go."""
        if self._file is not None:
            os.close(self._file)
        os.close(self._lock)

    def write_signed(self, values: Mapping[str, Any]) -> None:
        """Adds a record that is signed itself; OSError where it is not written."""
        batch = self._batch()
        signer = self._take_up_key(batch)
        batch.add_signed(self._clock(), {**values, "key": signer.kid}, signer)
        self._write(batch)
        self._unsigned += len(batch.lines)

    def _batch(self) -> Batch:
        return Batch(
            self._seq, self._hash, self._last_ns, self.name, self._key, source=self._source
        )

    def _take_up_key(self, batch: Batch) -> Signer:
        """The key that signs now; where it is not the one before, it is told first how it came."""
        signer = self._signer.current()
        if self._seq and batch.key != signer.kid:
            handovers = self._signer.handovers(batch.key, signer.kid)
            if handovers:
                values = {"kind": ROTATED, "handovers": handovers, "key": signer.kid}
                batch.add_signed(self._clock(), values, signer)
        return signer

    def _checkpoint_values(self, kid: str) -> dict[str, Any]:
        values: dict[str, Any] = {"kind": CHECKPOINT, "key": kid}
        if self._checkpoint is not None:
            values["last"] = place_of(self._checkpoint)
        others = {
            folder.name: place_of(head)
            for folder in chains_in(self._folder.parent)
            if folder != self._folder and (head := self._head_of(folder)) is not None
        }
        if others:
            values["others"] = others
        return values

    def _head_of(self, folder: Path) -> Line | None:
        """The last checkpoint of another chain, as it shows it."""
        try:
            line = Line.read((folder / HEAD).read_bytes())
        except OSError:
            return None
        # Nobody else may have this chain vouch for what never was.
        known = line is not None and line.chain == folder.name and self._signer.knows(line)
        return line if known else None

    def _show_head(self, raw: bytes) -> None:
        """A hint for the others' checkpoints, which may be lost."""
        draft = self._folder / f".{HEAD}"
        with contextlib.suppress(OSError):
            with os.fdopen(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE), "wb"
            ) as file:
                file.write(raw)
            draft.replace(self._folder / HEAD)

    def _write(self, batch: Batch) -> None:
        if not batch.lines:
            return
        file = self._ready(batch.first_seq)
        raw = b"".join(batch.lines)
        self._is_clean = False
        try:
            _write_all(file, raw, self._size_bytes)
            os.fdatasync(file)
        except OSError:
            # Some of it may have been written: where it cannot be cut off now, it is next time.
            with contextlib.suppress(OSError):
                self._cut_off(file)
            raise
        self._is_clean = True
        self._size_bytes += len(raw)
        self._seq, self._hash, self._last_ns = batch.seq, batch.hash, batch.last_ns
        self._key = batch.key

    def _ready(self, next_seq: int) -> int:
        """The file to write to, with nothing behind its last record."""
        if self._file is not None and not self._is_clean:
            self._cut_off(self._file)
        if self._file is None or self._size_bytes >= self._max_segment_bytes:
            path = segment_path(self._folder, next_seq)
            # One that is there is empty: its first record could not be written.
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
            try:
                sync_directory(self._folder)
            except OSError:
                os.close(made)
                raise
            if self._file is not None:
                os.close(self._file)
            self._file, self._size_bytes = made, 0
        return self._file

    def _cut_off(self, file: int) -> None:
        """What stands behind the last record."""
        os.ftruncate(file, self._size_bytes)
        self._is_clean = True


def _write_all(file: int, raw: bytes, offset: int) -> None:
    view = memoryview(raw)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written
