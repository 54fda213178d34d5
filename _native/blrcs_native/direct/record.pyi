"""RecordService.Get, answered in one step where nothing has to be waited for."""

from collections.abc import Callable, Iterable
from typing import final

from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard
from blrcs_native.records.copies import RecordCopies

@final
class DirectGetRecord(DirectHandler):
    """Answers GetRecord without a read mask; guards may read ``name``.

    The guards are asked first, also for what is declined then: they only look at the access table.

    Args:
        copies: What there is no good copy of is declined, and what is to be opened before it is
            shown; or None.
        read: In place of copies: gives the reply for the ids of a tenant, a collection and a
            record, or None for one that is declined. Ids are texts without a slash, and may be
            none that can exist.
        guards: Those that read the request.
    """

    def __init__(
        self,
        copies: RecordCopies | None,
        read: Callable[[str, str, str], bytes | None] | None,
        guards: Iterable[Guard] = (),
    ) -> None: ...
