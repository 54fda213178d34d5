"""Which keys are to be trusted with an audit log, by what the log says of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from blrcs.audit.checkpoint import FORGOTTEN, RESTORED, ROTATED, PublicAuditKeys
from blrcs.audit.handover import Handover
from blrcs.audit.line import Line
from blrcs.audit.segments import KEYS_FILE, chains_in, raw_lines, segments_in
from blrcs.domain.instant import from_instant

EARLY_NS = 3600 * 10**9
"""By so much a clock may have been set back behind a handover."""
LATE_NS = 86_400 * 10**9
"""For so long at most a process may not have noticed one."""


class Term(NamedTuple):
    """When a key signed, in nanoseconds after the Unix epoch."""

    since_ns: int
    until_ns: int


class RestoredChain(NamedTuple):
    """What is said of a chain that came from a backup: its end, and whose signatures count."""

    seq: int
    hash: str
    anchors: PublicAuditKeys


ALWAYS = Term(0, 1 << 63)

_TELLING = tuple(b'"kind":"%b"' % kind.encode() for kind in (ROTATED, RESTORED, FORGOTTEN))


class KeyHistory:
    """Handovers between keys, and what signed records say of keys that others had.

    None of it is trusted for standing there: only what a trusted key has signed leads to another.
    """

    def __init__(self) -> None:
        self._handovers: dict[tuple[str, str], Handover] = {}
        self._restored: list[Line] = []
        self._forgotten: list[Line] = []

    @classmethod
    def of(cls, *directories: Path) -> "KeyHistory":
        """What the chains below directories say; OSError where they cannot be read."""
        history = cls()
        for directory in directories:
            for handover in read_handovers(directory):
                history.add(handover)
            for line in _telling_lines(directory):
                history.learn(line)
        return history

    def learn(self, line: Line) -> None:
        """What a record says of keys."""
        if line.values.get("kind") == RESTORED:
            self._restored.append(line)
        if line.values.get("kind") == FORGOTTEN:
            self._forgotten.append(line)
        for values in _list(line, "handovers"):
            read = Handover.read(values)
            if read is not None:
                self.add(read)

    def add(self, handover: Handover) -> None:
        """One more."""
        self._handovers[handover.old, handover.new] = handover

    def path(self, kid: str, to: str) -> list[Handover]:
        """The handovers from one key to another, in their order; none where they do not lead there.

        Args:
            kid: The one; empty for the first that led to the other.
            to: The other.
        """
        found: list[Handover] = []
        at = to
        while at != kid:
            before = next((each for each in self._handovers.values() if each.new == at), None)
            if before is None or before in found:
                return found if not kid else []
            found.insert(0, before)
            at = before.old
        return found

    def trusted_from(self, anchors: PublicAuditKeys) -> PublicAuditKeys:
        """The anchors, and all keys that they lead to.

        A key has one successor: where it has handed over to two, neither is trusted for that.
        """
        trusted = anchors
        while True:
            more = {kid: key for kid, key in self._led_to(trusted) if kid not in trusted}
            if not more:
                return trusted
            trusted |= PublicAuditKeys(more)

    def restored(self, anchors: PublicAuditKeys) -> dict[str, RestoredChain]:
        """The chains that were restored, as signed records say of them."""
        found: dict[str, RestoredChain] = {}
        waiting = list(self._restored)
        while True:
            told = [line for line in waiting if self._is_trusted(line, found, anchors)]
            if not told:
                return found
            waiting = [line for line in waiting if line not in told]
            for line in told:
                theirs = PublicAuditKeys.of_jwks(_list(line, "keys"))
                for chain, place in line.values["chains"].items():
                    # What was restored more than once ends where it did first.
                    other = found.get(chain)
                    if other is not None:
                        found[chain] = other._replace(anchors=other.anchors | theirs)
                    else:
                        found[chain] = RestoredChain(place["seq"], place["hash"], theirs)

    def forgotten(self, trusted: PublicAuditKeys) -> set[str]:
        """The restored chains that were removed in time, as signed records say."""
        lines = filter(trusted.signed, self._forgotten)
        return {chain for line in lines for chain in line.values["chains"]}

    def _is_trusted(
        self, line: Line, restored: Mapping[str, RestoredChain], anchors: PublicAuditKeys
    ) -> bool:
        vouched_for = restored.get(line.chain)
        keys = anchors if vouched_for is None else vouched_for.anchors
        return self.trusted_from(keys).signed(line)

    def terms(self, trusted: PublicAuditKeys) -> dict[str, Term]:
        """When each key signed that has handed over, or that another has handed over to."""
        terms: dict[str, Term] = {}
        for each in self._handovers.values():
            if each.old in trusted and each.new in trusted:
                at_ns = from_instant(each.values["time"])
                terms[each.old] = terms.get(each.old, ALWAYS)._replace(until_ns=at_ns + LATE_NS)
                terms[each.new] = terms.get(each.new, ALWAYS)._replace(since_ns=at_ns - EARLY_NS)
        return terms

    def _led_to(self, trusted: PublicAuditKeys) -> Iterator[tuple[str, Ed25519PublicKey]]:
        for each in self._handovers.values():
            if each.new in trusted:
                yield each.old, each.old_key
            elif each.old in trusted and self._successors(each.old) == 1:
                yield each.new, each.new_key

    def _successors(self, kid: str) -> int:
        return sum(each.old == kid for each in self._handovers.values())


def read_handovers(directory: Path) -> Iterator[Handover]:
    """Those in the file beside the chains, the oldest first; what is none is left out."""
    try:
        lines = (directory / KEYS_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return
    for raw in lines:
        try:
            handover = Handover.read(orjson.loads(raw))
        except orjson.JSONDecodeError:
            continue
        if handover is not None:
            yield handover


def _telling_lines(directory: Path) -> Iterator[Line]:
    for folder in chains_in(directory):
        for segment in segments_in(folder):
            try:
                for raw in raw_lines(segment.path):
                    if any(each in raw for each in _TELLING):
                        line = Line.read(raw)
                        if line is not None:
                            yield line
            except FileNotFoundError:
                continue  # removed in time, since its name was read


def _list(line: Line, name: str) -> list[dict[str, str]]:
    values = line.values.get(name)
    return values if isinstance(values, list) else []
