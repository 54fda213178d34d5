"""What the audit log says of the calls that writers made, over the ends of its server."""

from collections import Counter
from pathlib import Path

from blrcs.audit.checkpoint import PublicAuditKeys
from blrcs.audit.reading import AuditReader
from blrcs.audit.segments import FOLDER, KEY_FILE
from blrcs.audit.verification import Verification
from blrcs.domain.audit_event import AuditEvent
from blrcs.security.signing_keys import load_signing_key
from tests.torture.workload import BrokenPromiseError, Workload, Written

SERVICE = "/blrcs.v1.RecordService/"
CREATE, UPDATE, BATCH = METHODS = [
    f"{SERVICE}{name}" for name in ("CreateRecord", "UpdateRecord", "BatchWriteRecords")
]


class Trail:
    """How often each write is recorded as done.

    Args:
        data: The server's data directory.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._reader = AuditReader(data / FOLDER)
        self._seen: dict[str, int] = {}
        self._times: Counter[tuple[str, str]] = Counter()

    def catch_up(self) -> None:
        """Takes all that is written; raises BrokenPromiseError where a number is missing."""
        for event in self._reader.behind(self._seen):
            chain, number = event.place.chain, event.place.seq
            if number != self._seen.get(chain, 0) + 1:
                raise BrokenPromiseError(
                    f"the audit log {chain} goes from {self._seen.get(chain, 0)} to {number}"
                )
            self._seen[chain] = number
            if event.text("method") in METHODS and event.text("code") == "OK":
                self._times[event.text("method"), _subject(event)] += 1

    def compare(self, workload: Workload) -> None:
        """Raises BrokenPromiseError where a write was acknowledged that is not recorded once."""
        self.catch_up()
        self._compare(CREATE, workload.creates)
        self._compare(BATCH, workload.batches)
        least, possible = len(workload.marks.acknowledged), len(workload.marks.unknown)
        # What an update writes is masked, and its record is the same each time.
        updates = self._times[UPDATE, workload.list_name]
        if not least <= updates <= least + possible:
            raise BrokenPromiseError(
                f"of {least} updates of {workload.list_name} and {possible} that may have been,"
                f" {updates} are recorded"
            )

    def verify(self) -> None:
        """Raises BrokenPromiseError where a record is not as it was written."""
        self.catch_up()
        keys = PublicAuditKeys.of_jwks(load_signing_key(self._data / KEY_FILE).jwks())
        if found := Verification(self._data / FOLDER, keys).run().findings:
            raise BrokenPromiseError(f"the audit log is not as it was written: {found}")

    def _compare(self, method: str, written: Written) -> None:
        for mark in written.acknowledged:
            if self._times[method, mark] != 1:
                raise BrokenPromiseError(f"{mark} is recorded {self._times[method, mark]} times")
        for mark in written.unknown:
            if self._times[method, mark] > 1:
                raise BrokenPromiseError(f"{mark} is recorded more than once")


def _subject(event: AuditEvent) -> str:
    """The mark of a creation or batch; the record of an update."""
    request = event.values["request"]
    if event.text("method") == CREATE:
        return str(request["record_id"])
    if event.text("method") == UPDATE:
        return str(request["record"]["name"])
    first: str = request["writes"][0]["create"]["record_id"]
    return first.removesuffix("-a")
