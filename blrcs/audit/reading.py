"""Reads the records of all chains of a server, in one order, also while they are written."""

import heapq
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import orjson

from blrcs.audit.line import MAX_LINE_BYTES
from blrcs.audit.segments import Segment, chains_in, raw_lines, segments_in
from blrcs.domain.audit_event import AuditEvent, EventPlace
from blrcs.domain.instant import from_instant

NEAR_BYTES = 64 << 10


class AuditReader:
    """What lies below a directory. It does not verify: that is for a verification.

    Args:
        directories: Where the chains are, each in one of them.
    """

    def __init__(self, *directories: Path) -> None:
        self._directories = directories

    def from_instant(self, since_ns: int) -> Iterator[AuditEvent]:
        """The records from an instant on, ordered by instant, chain and number."""
        return heapq.merge(
            *(_from_instant(folder, since_ns) for folder in self._chains()),
            key=lambda event: event.place,
        )

    def behind(self, seen: Mapping[str, int]) -> Iterator[AuditEvent]:
        """The records of each chain behind those seen, by the chain's name; all of new chains."""
        for folder in self._chains():
            yield from _behind(folder, seen.get(folder.name, 0))

    def ends(self) -> dict[str, int]:
        """The last record of each chain."""
        ends = {}
        for folder in self._chains():
            for segment in reversed(segments_in(folder)):
                last = 0
                for event in _events(segment.path, _offset_of(segment.path, lambda _: True)):
                    last = event.place.seq
                if last:
                    ends[folder.name] = last
                    break
        return ends

    def _chains(self) -> list[Path]:
        return [chain for each in self._directories for chain in chains_in(each)]


def event_of(raw: bytes) -> AuditEvent | None:
    """The record in a line; None where it is none, or not whole yet."""
    if not raw.endswith(b"\n"):
        return None
    try:
        values = orjson.loads(raw)
        place = EventPlace(from_instant(values["time"]), values["chain"], values["seq"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    # Whoever has forged it may have written anything.
    if type(place.chain) is not str or type(place.seq) is not int:
        return None
    return AuditEvent(place, values, raw)


def _from_instant(folder: Path, since_ns: int) -> Iterator[AuditEvent]:
    segments = _kept(folder)
    # The first file that may hold such a record is the last that begins before the instant.
    first = 0
    for number, segment in enumerate(segments):
        begins = next(_events(segment.path), None)
        if begins is None or begins.place.time_ns > since_ns:
            break
        first = number
    for number, segment in enumerate(segments[first:]):
        offset = 0
        if number == 0:
            offset = _offset_of(segment.path, lambda each: each.place.time_ns < since_ns)
        for event in _events(segment.path, offset):
            if event.place.time_ns >= since_ns:
                yield event


def _behind(folder: Path, seq: int) -> Iterator[AuditEvent]:
    segments = _kept(folder)
    following: list[int | None] = [each.first_seq for each in segments[1:]]
    # A chain that nobody has written to yet has no files.
    for segment, next_first in zip(segments, [*following, None], strict=False):
        if next_first is None or next_first > seq + 1:
            offset = _offset_of(segment.path, lambda each: each.place.seq <= seq)
            for event in _events(segment.path, offset):
                if event.place.seq > seq:
                    yield event


def _kept(folder: Path) -> list[Segment]:
    try:
        return segments_in(folder)
    except FileNotFoundError:
        return []


def _events(path: Path, offset: int = 0) -> Iterator[AuditEvent]:
    try:
        for event in filter(None, map(event_of, raw_lines(path, offset))):
            # A line that was forged in one chain has nothing of another passed over.
            if event.place.chain == path.parent.name:
                yield event
    except FileNotFoundError:
        return  # removed in time, since its name was read


def _offset_of(path: Path, is_before: Callable[[AuditEvent], bool]) -> int:
    """Where a line begins not long before those that are sought, found by halving.

    Args:
        path: The file.
        is_before: Whether a record comes before all that are sought.
    """
    low = 0
    with suppress(FileNotFoundError), path.open("rb") as file:
        high = os.fstat(file.fileno()).st_size
        while high - low > NEAR_BYTES:
            middle = (low + high) // 2
            file.seek(middle)
            file.readline(MAX_LINE_BYTES)
            begins = file.tell()
            event = event_of(file.readline(MAX_LINE_BYTES))
            if begins < high and event is not None and is_before(event):
                low = begins
            else:
                high = middle
    return low
