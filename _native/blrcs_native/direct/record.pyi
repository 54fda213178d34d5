"""RecordService.Get, without Python on the way to what is stored."""

from collections.abc import Callable, Iterable
from typing import final

from blrcs_native.direct.gathered_reads import GatheredReads
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard
from blrcs_native.records.copies import RecordCopies

@final
class DirectGetRecord(DirectHandler):
    """Answers GetRecord without a read mask; guards may read ``name``.

    The guards are asked first, also for what is declined then: they only look at the access table.

    Args:
        source: Copies: what there is no good one of is declined, and what is to be opened before it
            is shown. Or a function that gives the reply for the ids of a tenant, a collection and a
            record, or None for one that is declined; ids are texts without a slash, and may be
            none that can exist. Or reads that go together, of which the answer comes later.
        guards: Those that read the request.
    """

    def __init__(
        self,
        source: RecordCopies | GatheredReads | Callable[[str, str, str], bytes | None],
        guards: Iterable[Guard] = (),
    ) -> None: ...
