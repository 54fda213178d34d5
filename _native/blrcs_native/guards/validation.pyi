"""The guard that asks whether a request is well formed."""

from collections.abc import Callable
from typing import Any, final

from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.guards.quick_rules import QuickRules

@final
class ValidationGuard(Guard):
    """Asks ``judge`` about every message for which ``quick`` cannot tell that all is well.

    ``judge`` gives None or a Rejection, without waiting. A CheckedRequest has been judged.
    """

    def __init__(
        self,
        judge: Callable[[Any], Rejection | None],
        quick: QuickRules | None = None,
        *,
        shadow: bool = False,
    ) -> None: ...
    def check(self, call: Call) -> Rejection | None: ...
