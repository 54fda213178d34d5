"""The audit log, as use cases see it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from blrcs.domain.audit_event import AuditEvent, EventFilter, EventPlace
from blrcs.domain.audit_finding import ChainReport


@dataclass(frozen=True, slots=True)
class Found:
    """Records that were asked for, and how far was looked.

    Attributes:
        until: The last record that was looked at; None where there is none behind it.
    """

    events: Sequence[AuditEvent]
    until: EventPlace | None


class Waker(Protocol):
    """Tells a follower when to look."""

    async def wait(self) -> None:
        """Returns when there may be something new; UnavailableError once the server is to stop."""
        ...


class AuditTrail(Protocol):
    """Reads the records of all workers."""

    async def find(self, wanted: EventFilter, after: EventPlace | None, limit: int) -> Found:
        """Records behind a place, in the order of places; not all that there are."""
        ...

    async def ends(self) -> Mapping[str, int]:
        """The last record of each chain."""
        ...

    async def behind(self, seen: Mapping[str, int], limit: int) -> Sequence[AuditEvent]:
        """Records behind those seen of each chain, those of a chain in their order.

        Raises:
            OutOfRangeError: Records behind those seen are kept no more.
        """
        ...

    def following(self) -> AbstractContextManager[Waker]:
        """For as long as somebody follows.

        Raises:
            ResourceExhaustedError: There are too many who do.
            UnavailableError: The server is to stop.
        """
        ...

    async def verify(self, checkpoints: Sequence[str]) -> Sequence[ChainReport]:
        """What is to be said of each chain.

        Raises:
            InvalidArgumentError: One of them is no checkpoint of this server.
            ResourceExhaustedError: Somebody else has it done.
        """
        ...
