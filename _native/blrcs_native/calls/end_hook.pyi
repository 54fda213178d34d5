"""An observer's hook for the ends of calls that asks in C whether it wants to be told."""

from collections.abc import Callable, Collection, Iterable
from typing import final

from blrcs_native.calls.call import Call

@final
class EndHook:
    """Calls ``hook`` for calls that end with one of the codes.

    With ``rejections`` also for those that were rejected, or that a guard in shadow would have
    rejected. A call that nobody wants to be told of costs no Python.

    Raises:
        ValueError: Something in ``codes`` is not a status code.
    """

    def __init__(
        self,
        hook: Callable[[Call], object],
        codes: Iterable[int] = (),
        *,
        rejections: bool = False,
    ) -> None: ...
    @property
    def rejections(self) -> bool: ...
    @property
    def codes(self) -> Collection[int]:
        """May be set at any time, and counts from the next call on."""
    @codes.setter
    def codes(self, codes: Iterable[int]) -> None: ...
    def __call__(self, call: Call) -> None: ...
