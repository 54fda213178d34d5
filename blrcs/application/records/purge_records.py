"""Dropping records that have expired, and changes that are kept no more."""

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import ChangeFeed, ChangeSignal, RecordRepository


class PurgeRecords:
    """Drops what nobody can see any more. To be called regularly, by one process at a time."""

    def __init__(
        self,
        *,
        records: RecordRepository,
        feed: ChangeFeed,
        signal: ChangeSignal,
        clock: Clock,
        change_ttl_ns: int,
        max_changes: int,
    ) -> None:
        self._records = records
        self._feed = feed
        self._signal = signal
        self._clock = clock
        self._change_ttl_ns = change_ttl_ns
        self._max_changes = max_changes

    async def expired(self) -> None:
        """Drops records that have expired, with a change each."""
        while touched := await self._records.purge_expired(now_ns=self._clock()):
            for key in touched:
                # To readers they were gone before.
                self._signal.tell(key, ())

    async def changes(self) -> None:
        """Drops changes that are too old, or too many."""
        await self._feed.purge(
            older_than_ns=self._clock() - self._change_ttl_ns, max_kept=self._max_changes
        )

    async def surplus(self) -> None:
        """Drops changes of collections that have far too many, which may be so within seconds."""
        await self._feed.purge_surplus(max_kept=self._max_changes)
