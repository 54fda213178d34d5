"""Verifies one chain from its first record that is kept to its last."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from blrcs.audit.checkpoint import CHECKPOINT, RETIRED, ROTATED, SIGNED_KINDS, PublicAuditKeys
from blrcs.audit.handover import Handover
from blrcs.audit.key_history import ALWAYS, Term
from blrcs.audit.line import NO_HASH, Line
from blrcs.audit.segments import Segment, raw_lines, segments_in
from blrcs.domain.audit_finding import ChainReport, Finding, Problem
from blrcs.domain.instant import from_instant

Place = tuple[int, str]
"""A record's number and hash."""


class ChainCheck:
    """Reads a chain once, in pieces that are small, and remembers what others say of it.

    Args:
        folder: Where it lies.
        keys: Whose signatures count.
        anchors: Those of them that count without having followed others.
        terms: When those signed that have followed one another.
        known: Hashes of its records, by number, that were noted elsewhere.
        go_on: Called now and then; what it raises ends the check.
    """

    def __init__(
        self,
        folder: Path,
        keys: PublicAuditKeys,
        anchors: PublicAuditKeys,
        terms: Mapping[str, Term],
        known: Mapping[int, str],
        go_on: Callable[[], None] = lambda: None,
    ) -> None:
        self._go_on = go_on
        self._folder = folder
        self._keys = keys
        self._anchors = anchors
        self._terms = terms
        self._key = ""
        self._replaced: set[str] = set()
        self._known = dict(known)
        self.report = ChainReport(folder.name)
        self.of_others: dict[str, dict[int, Place]] = {}
        """What its checkpoints say of other chains: by chain and number, the hash, and who says."""
        self._first: Line | None = None
        self._last: Line | None = None
        self._unsigned_from = 0
        self._retired: set[Place] = set()

    def run(self) -> ChainReport:
        """The report; OSError where the files cannot be read."""
        segments = segments_in(self._folder)
        self.report.finding = (
            self._read(segments) or self._missing_beginning() or self._missing_end()
        )
        return self.report

    def _read(self, segments: list[Segment]) -> Finding | None:
        for number, segment in enumerate(segments):
            self._go_on()
            for raw in raw_lines(segment.path):
                finding = self._take(raw, segments[number:])
                if finding is not None:
                    return finding
            if number + 1 < len(segments):
                expected = self._next_seq(segment.first_seq)
                later = segments[number + 1].first_seq
                if later > expected:
                    detail = f"records up to {later - 1} are missing"
                    return self._found(expected, "removed", detail)
                if later < expected:
                    return self._found(later, "forked", "another file begins with it")
        return None

    def _take(self, raw: bytes, ahead: list[Segment]) -> Finding | None:
        expected = self._next_seq(ahead[0].first_seq)
        if not raw.endswith(b"\n") and len(ahead) == 1:
            return self._found(expected, "torn", "its line has no end")
        line = Line.read(raw) if raw.endswith(b"\n") else None
        if line is None or line.chain != self.report.chain:
            return self._found(expected, "edited", "it is not what its hash is of")
        if line.seq != expected:
            return self._out_of_place(line, expected, ahead)
        if self._last is not None and line.prev != self._last.hash:
            return self._found(
                self._last.seq, "edited", f"it is not the one that record {line.seq} follows"
            )
        if self._known.pop(line.seq, line.hash) != line.hash:
            return self._found(line.seq, "forked", "a checkpoint kept elsewhere names another one")
        return self._named(line, self._accept(line), ahead)

    def _accept(self, line: Line) -> Finding | None:
        if self._last is None:
            self.report.first_seq = line.seq
            self._first = line
            self._unsigned_from = line.seq
        self._last = line
        self.report.last_seq = line.seq
        kind = line.values.get("kind")
        if kind in SIGNED_KINDS:
            if not self._keys.signed(line):
                last = line.seq - 1
                return self._found(
                    min(self._unsigned_from, line.seq),
                    "unsigned",
                    f"the signature of record {line.seq} does not hold for what comes before it"
                    if last >= self._unsigned_from
                    else "its signature does not hold",
                )
            finding = self._follow_key(line)
            if finding is not None:
                return finding
            self._unsigned_from = line.seq + 1
            self.report.signed_seq = line.seq
        if kind == CHECKPOINT:
            self._note_others(line)
        elif kind == RETIRED:
            through = line.values["through"]
            self._retired.add((through["seq"], through["hash"]))
        return None

    def _follow_key(self, line: Line) -> Finding | None:
        """Whether the key that signed may follow the one that signed before."""
        kid = str(line.values["key"])
        before, self._key = self._key or kid, kid
        if line.values["kind"] == ROTATED:
            at = before
            for values in line.values.get("handovers", ()):
                handover = Handover.read(values)
                if handover is None:
                    detail = "a handover in it was not signed by both keys"
                    return self._found(line.seq, "unsigned", detail)
                self._replaced.add(handover.old)
                if handover.old == at:
                    at = handover.new
            before = at if self.report.signed_seq else kid
        if kid in self._replaced:
            detail = f"the key {kid} signed it, and had handed over to another before"
            return self._found(self._unsigned_from, "unsigned", detail)
        term = self._terms.get(kid, ALWAYS)
        if not term.since_ns <= from_instant(line.values["time"]) <= term.until_ns:
            detail = f"the key {kid} signed it, at a time when another did"
            return self._found(self._unsigned_from, "unsigned", detail)
        if kid != before and kid not in self._anchors:
            detail = f"key {kid} signed it, and key {before}, which did before, never handed over"
            return self._found(self._unsigned_from, "unsigned", detail)
        return None

    def _out_of_place(self, line: Line, expected: int, ahead: list[Segment]) -> Finding:
        if line.seq < expected:
            last = self._last
            if last is not None and line.seq == last.seq and line.hash != last.hash:
                return self._found(line.seq, "forked", "two records have its place")
            return self._found(line.seq, "reordered", f"it stands again where {expected} should be")
        for later in self._lines(ahead):
            if later is not None and later.seq == expected:
                return self._found(expected, "reordered", f"record {line.seq} stands before it")
        return self._found(expected, "removed", f"record {line.seq} stands in its place")

    def _named(self, line: Line, finding: Finding | None, ahead: list[Segment]) -> Finding | None:
        """A record that another one stood in the place of is named itself, whatever it says."""
        if finding is None:
            return None
        for later in self._lines(ahead):
            if later is not None and later.seq > line.seq:
                if later.seq == line.seq + 1 and later.prev != line.hash:
                    detail = f"it is not the one that record {later.seq} follows"
                    return self._found(line.seq, "edited", detail)
                break
        return finding

    def _lines(self, segments: list[Segment]) -> Iterator[Line | None]:
        for segment in segments:
            yield from map(Line.read, raw_lines(segment.path))

    def _missing_beginning(self) -> Finding | None:
        """What was removed by the writer itself is told of by a signed record behind it."""
        first = self._first
        if first is None:
            return None
        if (first.seq, first.prev) == (1, NO_HASH):
            return None
        if (first.seq - 1, first.prev) in self._retired:
            return None
        return self._found(
            max(first.seq - 1, 1), "removed", "no signed record says that it was removed in time"
        )

    def _missing_end(self) -> Finding | None:
        """Records that others have seen. What was removed in time is no question any more."""
        beyond = [seq for seq in self._known if seq > self.report.last_seq]
        if not beyond:
            return None
        return self._found(
            self.report.last_seq + 1, "truncated", f"record {max(beyond)} was seen by others"
        )

    def _note_others(self, line: Line) -> None:
        for chain, place in line.values.get("others", {}).items():
            seen = self.of_others.setdefault(chain, {})
            seen.setdefault(place["seq"], (line.seq, place["hash"]))

    def _next_seq(self, first_seq: int) -> int:
        return first_seq if self._last is None else self._last.seq + 1

    def _found(self, seq: int, problem: Problem, detail: str) -> Finding:
        return Finding(self.report.chain, seq, problem, detail)
