"""Keeps a server from being overloaded: who runs, and who is refused at once."""

from collections.abc import Sequence
from typing import Final, final

from blrcs_native.calls.rejection import Rejection
from blrcs_native.load.adaptive_limit import AdaptiveLimit
from blrcs_native.monitoring.metrics import Counter, Gauge

PRIORITY_NAMES: Final[tuple[str, ...]]
REFUSAL_NAMES: Final[tuple[str, ...]]
"""Why calls are refused: the limit, a wait that was too long, a deadline, the caller's share."""

@final
class MethodLoad:
    """A method's part in an Overload; made by it alone, and given to the method's Pipeline."""

    def note(self, elapsed_ns: float, *, running: int, now_ns: int, is_whole: bool = True) -> None:
        """A call is over, as the Pipeline tells by itself: the way in for simulations.

        Args:
            elapsed_ns: How long it took.
            running: How many ran when it began, itself among them.
            now_ns: When it ended, by the monotonic clock.
            is_whole: Whether it came to its own end.
        """

@final
class Overload:
    """Bounds the calls whose handlers run, in one process and one event loop.

    Two looks decide who is refused: one at a call's head, before any guard, which takes
    nothing; and one right before its handler, which takes a place that is given back when the call
    ends. Calls that wait for their request, or are refused, or answered directly, take none.

    Low priority may use 60 % of the limit, normal 90 %, high all of it; critical calls have
    ``reserve`` places beyond.

    With ``adaptive``, calls of unary methods are bounded by a limit that follows how long they take
    against how long those of the same method usually take; what is usual follows faster calls at
    once, and slower ones with a time constant of ``baseline_window_ns`` while half the limit is not
    used. Where it has been in use for so long without a pause, it is lowered to a quarter for a
    tenth of a second, to find out anew what calls take (as Envoy's adaptive concurrency does).

    Calls that have waited to begin for longer than ``max_wait_ns`` are then refused too: twice as
    long with high priority, half with low, any time with critical; for a twentieth of it while the
    event loop has no time left (controlled delay, as in Facebook's "Fail at Scale"). And, while
    much runs, calls whose deadline is nearer than their method's median duration.

    Args:
        rejections: For each of REFUSAL_NAMES one or more, which take turns.
        max_calls: Handlers that run at once, of all methods.
        reserve: Further ones of critical priority.
        max_calls_per_caller: Those of one principal, or of one address without a principal;
            critical ones do not count.
        adaptive: The limit for unary calls; None for no limit but ``max_calls``.
        max_wait_ns, baseline_window_ns: See above.
        refused: A family with the labels priority and why.
        running, limit: Gauges without labels.

    Raises:
        ValueError: A number is out of its range, or rejections are missing.
    """

    def __init__(
        self,
        rejections: Sequence[Sequence[Rejection]],
        *,
        max_calls: int,
        reserve: int = 0,
        max_calls_per_caller: int | None = None,
        adaptive: AdaptiveLimit | None = None,
        max_wait_ns: int = ...,
        baseline_window_ns: int = ...,
        refused: Counter | None = None,
        running: Gauge | None = None,
        limit: Gauge | None = None,
    ) -> None: ...
    @property
    def max_calls(self) -> int: ...
    @property
    def reserve(self) -> int: ...
    @property
    def max_calls_per_caller(self) -> int:
        """-1 where there is no such bound."""
    @property
    def adaptive(self) -> AdaptiveLimit | None: ...
    @property
    def running(self) -> int:
        """Handlers that run."""
    @property
    def limit(self) -> float:
        """The limit as it is now."""
    @property
    def saturated(self) -> bool:
        """The event loop had no time left in the last tenth of a second."""
    @property
    def callers(self) -> int:
        """Principals and addresses with running calls that are counted."""
    def worked(self, duration_ns: int, until_ns: int) -> None:
        """The event loop has been at work for so long until then, by the monotonic clock."""
    def method(self, name: str, priority: str, *, is_unary: bool) -> MethodLoad:
        """The part of a method. How long its calls take is remembered by its name.

        Raises:
            ValueError: There is no such priority.
        """
