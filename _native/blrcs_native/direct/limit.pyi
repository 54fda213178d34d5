"""LimitService.Consume, answered in one step."""

from collections.abc import Iterable
from typing import final

from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard
from blrcs_native.limits.index import CurrentLimits

@final
class DirectConsume(DirectHandler):
    """Answers Consume by the rules in effect; guards may read ``domain``.

    All figures of one answer are those of one moment.
    """

    def __init__(self, limits: CurrentLimits, guards: Iterable[Guard] = ()) -> None: ...
