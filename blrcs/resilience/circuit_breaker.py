"""Not asking a dependency for a while that does not answer."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from blrcs.domain.errors import UnavailableError
from blrcs.resilience.rolling_window import RollingWindow

NS_PER_S = 1_000_000_000
JITTER = 0.25
LEAST_RETRY_S = 0.05
# Probes of which nothing is heard for so long are taken for lost.
PROBE_S = 1.0


class CircuitState(Enum):
    """Whether a dependency is asked."""

    CLOSED = "closed"
    """It is."""
    HALF_OPEN = "half_open"
    """A few calls find out whether it answers again."""
    OPEN = "open"
    """It is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """When a circuit opens, and for how long.

    Attributes:
        failure_rate: The share of failures in the window at which it opens.
        slow_s: A call that takes longer is slow; None where none is.
        slow_rate: The share of slow calls at which it opens.
        least_calls: Fewer in the window open nothing.
        window_s: How long an outcome counts.
        open_s: How long it stays open at first, a quarter more or less by chance, so that servers
            do not come back together. Each time that a probe fails it is twice as long.
        longest_open_s: And no longer than that.
        probes: Calls let through when that is over; all must succeed for it to close.
    """

    failure_rate: float = 0.5
    slow_s: float | None = None
    slow_rate: float = 0.8
    least_calls: int = 10
    window_s: float = 10.0
    open_s: float = 1.0
    longest_open_s: float = 15.0
    probes: int = 3


class CircuitOpenError(UnavailableError):
    """The dependency has not been asked, since it does not answer (UNAVAILABLE)."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(
            "DEPENDENCY_UNAVAILABLE",
            "what the server depends on does not answer now: try again",
            retry_after_ns=int(retry_after_s * NS_PER_S),
        )


class CircuitBreaker:
    """Lets calls to one dependency pass while it answers, and refuses them at once else.

    Who calls asks ``admit`` first and tells what came of it, by one of ``succeeded``, ``failed``
    and ``forgot``. Failures are those of the dependency, such as refused connections and time-outs;
    what it refuses for good reasons is a success. Belongs to one event loop: nothing here waits, so
    there is nothing to lock.

    Args:
        rules: See BreakerRules.
        on_change: Told of each change of the state.
        clock: Seconds that only grow.
        chance: Numbers from 0 to 1.
    """

    def __init__(
        self,
        rules: BreakerRules,
        on_change: Callable[[CircuitState], object] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._rules = rules
        self._on_change = on_change
        self._clock = clock
        self._chance = chance
        self._window = RollingWindow(rules.window_s)
        self._state = CircuitState.CLOSED
        self._until_s = 0.0
        self._open_s = rules.open_s
        self._probing = 0
        self._probed_well = 0

    @property
    def state(self) -> CircuitState:
        """As it was last decided: an open circuit is half open once somebody asks."""
        return self._state

    @property
    def is_closed(self) -> bool:
        """Whether ``admit`` lets everybody pass."""
        return self._state is CircuitState.CLOSED

    def admit(self) -> None:
        """Lets a call pass.

        Raises:
            CircuitOpenError: It must not be made.
        """
        if self._state is CircuitState.CLOSED:
            return
        now_s = self._clock()
        if now_s >= self._until_s:
            # The time of an open circuit is over, or probes have got lost.
            self._until_s = now_s + max(self._rules.open_s, PROBE_S)
            self._probing = 0
            if self._state is CircuitState.OPEN:
                self._probed_well = 0
                self._change(CircuitState.HALF_OPEN)
        if (
            self._state is CircuitState.OPEN
            or self._probing + self._probed_well >= self._rules.probes
        ):
            raise self.refusal()
        self._probing += 1

    def refusal(self) -> CircuitOpenError:
        """What those are told whose calls are not made."""
        return CircuitOpenError(max(self._until_s - self._clock(), LEAST_RETRY_S))

    def succeeded(self, elapsed_s: float = 0.0) -> None:
        """The dependency has answered, after so long."""
        slow_s = self._rules.slow_s
        is_slow = slow_s is not None and elapsed_s > slow_s
        if self._state is CircuitState.HALF_OPEN:
            if is_slow:
                self._open(longer=True)
                return
            self._probing = max(self._probing - 1, 0)
            self._probed_well += 1
            if self._probed_well >= self._rules.probes:
                self._close()
        elif self._state is CircuitState.CLOSED:
            bucket = self._window.bucket(self._clock())
            bucket.successes += 1
            if is_slow:
                bucket.slow += 1
                self._judge()

    def failed(self) -> None:
        """It has not answered, or could not be reached."""
        if self._state is CircuitState.HALF_OPEN:
            self._open(longer=True)
        elif self._state is CircuitState.CLOSED:
            self._window.bucket(self._clock()).failures += 1
            self._judge()

    def forgot(self) -> None:
        """Nothing is known of what was admitted: it was given up, or the dependency not asked."""
        self._probing = max(self._probing - 1, 0)

    def _judge(self) -> None:
        rules = self._rules
        total, failed, slow = self._window.rates(self._clock())
        if total >= rules.least_calls and (failed >= rules.failure_rate or slow >= rules.slow_rate):
            self._open(longer=False)

    def _open(self, *, longer: bool) -> None:
        if longer:
            self._open_s = min(2 * self._open_s, self._rules.longest_open_s)
        scatter = 1 + JITTER * (2 * self._chance() - 1)
        self._until_s = self._clock() + self._open_s * scatter
        self._window.clear()
        self._change(CircuitState.OPEN)

    def _close(self) -> None:
        self._open_s = self._rules.open_s
        self._window.clear()
        self._change(CircuitState.CLOSED)

    def _change(self, state: CircuitState) -> None:
        if state is not self._state:
            self._state = state
            if self._on_change is not None:
                self._on_change(state)
