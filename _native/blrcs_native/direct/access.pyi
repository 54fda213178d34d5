"""AccessService.Check, answered in one step."""

from collections.abc import Iterable
from typing import final

from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.guards.guard import Guard

@final
class DirectCheck(DirectHandler):
    """Answers Check by the table in force; guards may read all fields of the request."""

    def __init__(self, access: CurrentAccess, guards: Iterable[Guard] = ()) -> None: ...
