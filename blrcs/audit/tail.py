"""The end of a chain, as whoever goes on with it finds it."""

from dataclasses import dataclass, replace
from pathlib import Path

from blrcs.audit.checkpoint import CHECKPOINT, SIGNED_KINDS
from blrcs.audit.line import NO_HASH, Line
from blrcs.audit.segments import raw_lines, segments_in
from blrcs.domain.instant import from_instant


class DamagedChainError(Exception):
    """The end of a chain does not hold together, and no killed writer leaves it so."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Where the next record goes.

    Attributes:
        path: The last file; None in a chain without any.
        size_bytes: Of its whole records.
        torn: What comes behind them: a record that was not written to its end.
        seq: Of the last record; 0 where there is none.
        hash: Likewise.
        checkpoint: The last checkpoint in the last file.
        unsigned: Records behind it.
        time_ns: The instant of the last record.
        key: Who signed the last signed record in the last file; empty where there is none.
    """

    path: Path | None = None
    size_bytes: int = 0
    torn: bytes = b""
    seq: int = 0
    hash: str = NO_HASH
    checkpoint: Line | None = None
    unsigned: int = 0
    time_ns: int = 0
    key: str = ""


def read_tail(chain: Path) -> Tail:
    """The end of the chain in a folder.

    Only the last file that holds records is read: that the rest is as it was is for those to find
    out who verify.

    Raises:
        DamagedChainError: A line is no record, or out of place, and is no record's beginning.
        OSError: It cannot be read.
    """
    segments = segments_in(chain)
    if not segments:
        return Tail()
    *before, newest = segments
    tail = _read_file(newest.path, chain.name, newest.first_seq)
    if tail.seq or not before:
        return tail
    # Whoever began the file did not come to write its first record.
    full = _read_file(before[-1].path, chain.name, before[-1].first_seq)
    if full.torn or full.seq + 1 != newest.first_seq:
        raise DamagedChainError(f"{before[-1].path}: its end is missing")
    return replace(full, path=tail.path, size_bytes=0, torn=tail.torn)


def _read_file(path: Path, chain: str, first_seq: int) -> Tail:
    size_bytes, unsigned = 0, 0
    torn, key = b"", ""
    last = checkpoint = None
    for raw in raw_lines(path):
        if not raw.endswith(b"\n"):
            torn = raw
            break
        line = Line.read(raw)
        expected = first_seq if last is None else last.seq + 1
        if (
            line is None
            or (line.chain, line.seq) != (chain, expected)
            or (last is not None and line.prev != last.hash)
        ):
            raise DamagedChainError(f"{path}: record {expected} is not as it was written")
        size_bytes += len(raw)
        unsigned += 1
        kind = line.values.get("kind")
        if kind in SIGNED_KINDS:
            key = str(line.values.get("key"))
        if kind == CHECKPOINT:
            checkpoint, unsigned = line, 0
        last = line
    if last is None:
        return Tail(path, 0, torn)
    time_ns = from_instant(last.values["time"])
    return Tail(path, size_bytes, torn, last.seq, last.hash, checkpoint, unsigned, time_ns, key)
