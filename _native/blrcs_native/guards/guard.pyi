"""What admits or rejects a call before its handler."""

from collections.abc import Awaitable

from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection

class Guard:
    """Decides on a call. Subclasses, in Cython or Python, override ``check``.

    A guard in shadow decides, is recorded, and lets the call pass. Guards are shared by all calls
    of a method and must keep nothing of one.
    """

    def __init__(self, stage: str, *, shadow: bool = False) -> None: ...
    @property
    def stage(self) -> str: ...
    @property
    def shadow(self) -> bool: ...
    def check(self, call: Call) -> Rejection | Awaitable[Rejection | None] | None:
        """None admits. An awaitable is returned only by a guard that has to wait."""
