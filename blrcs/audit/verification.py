"""Verifies all chains of a server, and what they say of each other."""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

from blrcs.audit.chain_check import ChainCheck
from blrcs.audit.checkpoint import PublicAuditKeys
from blrcs.audit.key_history import KeyHistory
from blrcs.audit.line import Line
from blrcs.audit.segments import HEAD, chains_in, is_written
from blrcs.domain.audit_finding import ChainReport, Finding, Report


class Verification:
    """Reads the chains below a directory, also while they are written.

    It needs public keys alone. Nothing of it tells of records that were removed from a chain's end
    behind its last checkpoint that anybody else has: whoever wants to find that keeps checkpoints
    in another place, and hands them in.

    Args:
        directory: Where the chains lie.
        keys: Whose signatures count, and from which others may have followed.
        kept: Checkpoints that were kept elsewhere.
        beside: Where more chains lie, such as those of other machines.
        go_on: Called now and then; what it raises ends the verification.

    Raises:
        ValueError: One of those is no checkpoint that a key has signed.
        OSError: The files cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        keys: PublicAuditKeys,
        kept: Iterable[bytes] = (),
        *,
        beside: Iterable[Path] = (),
        go_on: Callable[[], None] = lambda: None,
    ) -> None:
        self._directories = (directory, *beside)
        self._anchors = keys
        self._history = KeyHistory.of(*self._directories)
        self._keys = self._history.trusted_from(keys)
        self._restored = self._history.restored(keys)
        self._go_on = go_on
        self._known: dict[str, dict[int, str]] = {}
        for raw in kept:
            line = Line.read(raw)
            if line is None or not self._keys_of(line.chain).signed(line):
                raise ValueError("is no checkpoint that a trusted key has signed")
            self._know(line.chain, line.seq, line.hash)
            for chain, place in line.values.get("others", {}).items():
                self._know(chain, place["seq"], place["hash"])
        for chain, end in self._restored.items():
            self._know(chain, end.seq, end.hash)

    def run(self) -> Report:
        """What is wrong, if anything; OSError where the files cannot be read."""
        checks: dict[str, ChainCheck] = {}
        # What checkpoints say of other chains is known only once they have been read: twice.
        for _ in range(2):
            for directory in self._directories:
                for folder in chains_in(directory):
                    self._know_head(folder)
                    checks[folder.name] = self._check(folder)
            if not self._learn(checks.values()):
                break
        reports = [check.report for check in checks.values()]
        missing = sorted(set(self._known) - set(checks) - self._forgotten())
        reports += [self._missing(chain) for chain in missing]
        return Report(reports)

    def _check(self, folder: Path) -> ChainCheck:
        while True:
            restored = self._restored.get(folder.name)
            anchors = self._anchors if restored is None else restored.anchors
            keys = self._keys_of(folder.name)
            check = ChainCheck(
                folder,
                keys,
                anchors,
                self._history.terms(keys),
                self._known.get(folder.name, {}),
                self._go_on,
            )
            try:
                report = check.run()
            except FileNotFoundError:
                if not folder.exists():
                    raise
                continue  # a file was removed in time, since its name was read
            finding = report.finding
            if finding is not None and finding.problem == "torn" and is_written(folder):
                report.finding = None
            if restored is not None and finding is None and report.last_seq > restored.seq:
                detail = "it was restored up to the record before, and others may stand here"
                report.finding = Finding(folder.name, restored.seq + 1, "forked", detail)
            return check

    def _forgotten(self) -> set[str]:
        """Those chains, of those that came from a backup, that were removed in time."""
        return self._history.forgotten(self._keys) & set(self._restored)

    def _keys_of(self, chain: str) -> PublicAuditKeys:
        """Whose signatures count in a chain."""
        restored = self._restored.get(chain)
        return self._keys if restored is None else self._history.trusted_from(restored.anchors)

    def _know_head(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            line = Line.read((folder / HEAD).read_bytes())
            if (
                line is not None
                and line.chain == folder.name
                and self._keys_of(line.chain).signed(line)
            ):
                self._know(line.chain, line.seq, line.hash)

    def _learn(self, checks: Iterable[ChainCheck]) -> bool:
        """Whether chains say of each other what was not known before."""
        learned = False
        for check in checks:
            for chain, places in check.of_others.items():
                for seq, (_, hash_) in places.items():
                    learned |= self._know(chain, seq, hash_)
        return learned

    def _know(self, chain: str, seq: int, hash_: str) -> bool:
        known = self._known.setdefault(chain, {})
        if seq in known:
            return False
        known[seq] = hash_
        return True

    def _missing(self, chain: str) -> ChainReport:
        last = max(self._known[chain])
        detail = f"the chain is gone; its record {last} was seen by others"
        return ChainReport(chain, finding=Finding(chain, last, "removed", detail))
