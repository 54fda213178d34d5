"""Places for calls that last as long as their callers want."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from blrcs.domain.errors import ResourceExhaustedError
from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Handler


class WatchPlaces:
    """Bounds the watches of a worker together, and those of each caller.

    A watch keeps one of the places for calls until its caller has had enough. Without bounds of
    their own, a few callers could take all places, and nobody else would be served. Belongs to the
    event loop.

    Args:
        most: At once.
        most_per_caller: Of one principal, or of an address without one.
    """

    def __init__(self, *, most: int, most_per_caller: int) -> None:
        self._most = most
        self._most_per_caller = most_per_caller
        self._of_callers: Counter[str] = Counter()
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many there are now."""
        return self._taken

    def around(self, handler: Handler) -> Handler:
        """A handler that runs in a place of its own.

        It raises ResourceExhaustedError where there is none.
        """

        async def placed(request: Any, call: Call) -> Any:
            principal = call.principal
            with self._place_of(call.peer_address if principal is None else principal.name):
                return await handler(request, call)

        return placed

    @contextmanager
    def _place_of(self, caller: str) -> Iterator[None]:
        if self._of_callers[caller] >= self._most_per_caller:
            raise ResourceExhaustedError(
                "TOO_MANY_OWN_WATCHES",
                f"you have {self._most_per_caller} watches already: end one of them",
            )
        if self._taken >= self._most:
            raise ResourceExhaustedError(
                "TOO_MANY_WATCHES", f"there are {self._most} watches already"
            )
        self._taken += 1
        self._of_callers[caller] += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._of_callers[caller] -= 1
            if not self._of_callers[caller]:
                del self._of_callers[caller]
