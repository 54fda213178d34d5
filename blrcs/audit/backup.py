"""Copies of all chains as of one moment, while they are written."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path

from blrcs.audit.checkpoint import CHECKPOINT, SIGNED_KINDS, PublicAuditKeys
from blrcs.audit.line import Line
from blrcs.audit.segments import (
    DIRECTORY_MODE,
    FILE_MODE,
    FOLDER,
    HEAD,
    KEYS_FILE,
    RESTORED_MARK,
    Segment,
    chains_in,
    raw_lines,
    segments_in,
)
from blrcs.audit.verification import Verification
from blrcs.domain.audit_finding import Report
from blrcs.files import sync_directory

PUBLIC_KEY_FILE = "audit_public_key.json"
ATTEMPTS = 5


class BackupError(Exception):
    """There is no backup. Its text is one line for a terminal."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the copy of a chain ends.

    Attributes:
        seq: Its last signed record.
        checkpoint: The last checkpoint up to there, as it is written.
        others: The last checkpoints of other chains that it names, by number.
    """

    seq: int
    checkpoint: bytes
    others: Mapping[str, int]


def back_up(directory: Path, target: Path, keys: PublicAuditKeys, *, public_key: bytes) -> Report:
    """Makes a folder with the chains below a directory, each up to a signed record.

    No chain ends before a record that another one of the copy names. What was copied is read back
    from the disk and compared; the report says whether it is as it was written.

    Args:
        directory: Where the chains lie.
        target: The folder; it has that name when it is whole and on the disk.
        keys: Whose signatures count.
        public_key: Is laid beside them, for who restores.

    Raises:
        BackupError: The folder is there already, or the copy differs from what was read.
        OSError: A file cannot be read or written.
    """
    if target.exists():
        raise BackupError(f"{target}: is there already")
    draft = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, ATTEMPTS + 1):
        # Whatever is left there, such as a link of somebody else's, is not written into.
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=DIRECTORY_MODE)
        (draft / FOLDER).mkdir(mode=DIRECTORY_MODE)
        try:
            _copy_chains(directory, draft / FOLDER)
            break
        except FileNotFoundError:
            # Removed in time, since its name was read.
            if attempt == ATTEMPTS:
                raise
    if (directory / KEYS_FILE).exists():
        copy_file(directory / KEYS_FILE, draft / FOLDER / KEYS_FILE)
    write_file(draft / PUBLIC_KEY_FILE, public_key)
    sync_directory(draft / FOLDER)
    sync_directory(draft)
    report = Verification(draft / FOLDER, keys).run()
    draft.rename(target)
    sync_directory(target.parent)
    return report


def copy_chain(source: Path, target: Path, cut: Cut) -> None:
    """The records of a chain up to a cut, into a folder that is made."""
    target.mkdir(mode=DIRECTORY_MODE)
    segments = [each for each in segments_in(source) if each.first_seq <= cut.seq]
    for segment in segments[:-1]:
        copy_file(segment.path, target / segment.path.name)
    last = segments[-1]
    copy_file(last.path, target / last.path.name, _length(last, cut.seq))
    if cut.checkpoint:
        write_file(target / HEAD, cut.checkpoint)
    if (source / RESTORED_MARK).exists():
        write_file(target / RESTORED_MARK, (source / RESTORED_MARK).read_bytes())
    sync_directory(target)


def cut_of(chain: Path) -> Cut | None:
    """The last signed record of a chain; None where there is none."""
    seq, checkpoint, others = 0, b"", {}
    for segment in reversed(segments_in(chain)):
        for raw in raw_lines(segment.path):
            line = Line.read(raw) if raw.endswith(b"\n") else None
            kind = None if line is None else line.values.get("kind")
            if line is None or kind not in SIGNED_KINDS:
                continue
            seq = max(seq, line.seq)
            if kind == CHECKPOINT:
                checkpoint = raw
                others = {
                    name: int(place["seq"]) for name, place in line.values.get("others", {}).items()
                }
        if checkpoint:
            break
    return Cut(seq, checkpoint, others) if seq else None


def copy_file(source: Path, target: Path, length: int | None = None) -> None:
    """The octets of a file, on the disk, and read back from there.

    Raises:
        BackupError: What was read back differs.
        OSError: It cannot be read or written.
    """
    left = source.stat().st_size if length is None else length
    digest = hashlib.sha256()
    with source.open("rb") as read, _created(target) as written:
        while left:
            octets = read.read(min(left, 1 << 20))
            if not octets:
                raise BackupError(f"{source}: has become shorter")
            digest.update(octets)
            written.write(octets)
            left -= len(octets)
        written.flush()
        os.fsync(written.fileno())
    with target.open("rb") as copied:
        if hashlib.file_digest(copied, "sha256").digest() != digest.digest():
            raise BackupError(f"{target}: is not what was written to it")


def write_file(path: Path, content: bytes) -> None:
    """A file that only its owner can read, on the disk."""
    with _created(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _created(path: Path) -> BufferedWriter:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb")


def _copy_chains(directory: Path, target: Path) -> None:
    for name, cut in _cuts(directory).items():
        copy_chain(directory / name, target / name, cut)


def _cuts(directory: Path) -> dict[str, Cut]:
    """Where each chain is cut, so that none names what another one of them has not."""
    cuts = {each.name: cut for each in chains_in(directory) if (cut := cut_of(each)) is not None}
    while True:
        behind = {
            name
            for cut in cuts.values()
            for name, seq in cut.others.items()
            if name not in cuts or cuts[name].seq < seq
        }
        found = {name: cut_of(directory / name) for name in behind if (directory / name).is_dir()}
        newer = {
            name: cut
            for name, cut in found.items()
            if cut is not None and (name not in cuts or cut.seq > cuts[name].seq)
        }
        if not newer:
            return cuts
        cuts |= newer


def _length(segment: Segment, seq: int) -> int:
    """The octets of a file up to a record; all of it where it ends before."""
    length = 0
    for number, raw in enumerate(raw_lines(segment.path), segment.first_seq):
        length += len(raw)
        if number == seq:
            break
    return length
