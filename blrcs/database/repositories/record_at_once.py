"""Records by their ids where a read takes less than waiting for it would."""

from collections.abc import Callable

from blrcs.application.ports.clock import Clock
from blrcs.database.adapter import BlockingReader
from blrcs.database.repositories.record_lookup import IMAGE
from blrcs.domain.errors import UnavailableError

ReadAtOnce = Callable[[str, str, str], bytes | None]
"""Gives the record with these ids of a tenant, a collection and a record, as it is shown."""


class RecordsAtOnce:
    """Reads what needs nothing else: no key, and no error.

    Args:
        reader: Of the database.
        clock: By which records expire.
    """

    def __init__(self, reader: BlockingReader, clock: Clock) -> None:
        self._find = reader.finder(IMAGE, "of_tenant", "of_collection", "of_id")
        self._clock = clock

    def read(self, tenant: str, collection: str, record_id: str) -> bytes | None:
        """The record, encoded; None where somebody else has to answer, whatever the reason."""
        try:
            row = self._find(tenant, collection, record_id)
        except UnavailableError:
            return None
        if row is None:
            return None
        encoded, sealed, expire_time_ns = row
        if sealed is not None or (expire_time_ns is not None and expire_time_ns <= self._clock()):
            return None
        found: bytes = encoded
        return found
