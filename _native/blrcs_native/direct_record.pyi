"""RecordService.Get, answered in one step from copies."""

from collections.abc import Iterable
from typing import final

from blrcs_native.direct import DirectHandler
from blrcs_native.guard import Guard
from blrcs_native.record_copies import RecordCopies

@final
class DirectGetRecord(DirectHandler):
    """Answers GetRecord without a read mask; guards may read ``name``.

    Declined is what there is no good copy of, and what is to be opened before it is shown.
    """

    def __init__(self, copies: RecordCopies, guards: Iterable[Guard] = ()) -> None: ...
