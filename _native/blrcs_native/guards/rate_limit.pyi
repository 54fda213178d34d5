"""The guard that counts calls by address, by principal and in all."""

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias, final

from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.limits.limiter import Limiter, Rule

LimitKey: TypeAlias = Literal["address", "principal", "method"]

@final
class RateLimitGuard(Guard):
    """Takes one from every limit, or, where one of them is used up, from none.

    ``limits`` are 1 to 8 compiled rules with what each counts apart; a principal that is not known
    is counted by its address. ``make_rejection`` takes the index of the limit that refused and the
    wait in milliseconds (None: no wait will help); its results are kept, at most 1,024.

    With ``refundable`` what the guard takes is given back when a later RateLimitGuard of the same
    call refuses. Places held under concurrency rules are released when the call ends.
    """

    def __init__(
        self,
        limiter: Limiter,
        limits: Iterable[tuple[Rule, LimitKey]],
        make_rejection: Callable[[int, int | None], Rejection],
        *,
        refundable: bool = False,
        shadow: bool = False,
    ) -> None: ...
