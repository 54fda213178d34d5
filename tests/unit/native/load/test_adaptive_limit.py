"""A limit that follows how long calls take, against a plant that is simulated."""

import random
import time
from collections.abc import Callable

import pytest

from blrcs_native.calls.rejection import Rejection
from blrcs_native.load.adaptive_limit import AdaptiveLimit
from blrcs_native.load.overload import REFUSAL_NAMES, Overload

MOST, LEAST = 1_000, 20
WINDOW_NS = 100_000_000
USUAL_NS = 10_000_000
SERVERS = 50
MOST_CALLS_A_WINDOW = 400
REFUSAL = Rejection(14, "overload", "OVERLOADED", "try again")

NOISES = [0.0, 0.5, 1.5]


class Plant:
    """So many calls at a time are worked off; where more run, each takes longer.

    Durations scatter by a lognormal distribution around what they are.
    """

    def __init__(self, noise: float) -> None:
        self.adaptive = AdaptiveLimit(least=LEAST, most=MOST)
        self.overload = Overload(
            [[REFUSAL]] * len(REFUSAL_NAMES), max_calls=MOST, adaptive=self.adaptive
        )
        self._load = self.overload.method("/a.B/C", "normal", is_unary=True)
        self._now_ns = time.monotonic_ns()
        self._random = random.Random(1)
        self._noise = noise

    def run(self, seconds: int, *, demand: int, duration_ns: int = USUAL_NS) -> list[float]:
        """The limit after each window, while ``demand`` callers call without a pause."""
        return [self._window(demand, duration_ns) for _ in range(seconds * 10)]

    def _window(self, demand: int, duration_ns: int) -> float:
        running = min(demand, int(self.overload.limit))
        each_ns = duration_ns * max(1.0, running / SERVERS)
        count = min(max(int(running * WINDOW_NS / each_ns), 10), MOST_CALLS_A_WINDOW)
        for _ in range(count):
            self._now_ns += WINDOW_NS // count + 1
            scatter = self._random.lognormvariate(-(self._noise**2) / 2, self._noise)
            self._load.note(each_ns * scatter, running=running, now_ns=self._now_ns)
        return self.adaptive.limit


@pytest.mark.parametrize("noise", NOISES)
def test_a_server_that_keeps_up_is_not_limited(noise: float) -> None:
    assert min(Plant(noise).run(30, demand=SERVERS // 2)) >= SERVERS


@pytest.mark.parametrize("noise", NOISES)
def test_the_limit_comes_down_to_what_keeps_the_plant_busy_and_stays_there(noise: float) -> None:
    plant = Plant(noise)
    plant.run(10, demand=SERVERS // 2)
    settled = plant.run(120, demand=800)[100:]
    assert min(settled) >= SERVERS
    assert max(settled) <= 4 * SERVERS


@pytest.mark.parametrize("noise", NOISES)
def test_it_recovers_once_a_slow_dependency_has_healed(noise: float) -> None:
    plant = Plant(noise)
    plant.run(10, demand=SERVERS // 2)
    assert min(plant.run(20, demand=200, duration_ns=20 * USUAL_NS)) < SERVERS
    assert plant.run(60, demand=200)[-1] >= SERVERS


def test_what_is_slow_for_good_becomes_what_is_usual() -> None:
    plant = Plant(0.5)
    plant.run(10, demand=SERVERS // 2)
    assert min(plant.run(20, demand=SERVERS, duration_ns=5 * USUAL_NS)) < SERVERS
    assert plant.run(120, demand=SERVERS, duration_ns=5 * USUAL_NS)[-1] >= SERVERS


def test_a_few_calls_that_wait_for_something_say_nothing_of_the_rest() -> None:
    adaptive = AdaptiveLimit(least=LEAST, most=MOST)
    overload = Overload([[REFUSAL]] * len(REFUSAL_NAMES), max_calls=MOST, adaptive=adaptive)
    polls = overload.method("/a.B/Poll", "normal", is_unary=True)
    short = overload.method("/a.B/Get", "normal", is_unary=True)
    now_ns = time.monotonic_ns()
    for number in range(20_000):
        now_ns += 1_000_000
        if number % 20 == 0:
            waited_ns = USUAL_NS if number < 1_000 else 6_000 * USUAL_NS
            polls.note(waited_ns, running=MOST, now_ns=now_ns)
        short.note(USUAL_NS, running=MOST, now_ns=now_ns)
    assert adaptive.limit == MOST


def test_calls_that_were_cut_short_count_as_slow_and_not_as_usual() -> None:
    adaptive = AdaptiveLimit(least=LEAST, most=MOST)
    overload = Overload([[REFUSAL]] * len(REFUSAL_NAMES), max_calls=MOST, adaptive=adaptive)
    load = overload.method("/a.B/C", "normal", is_unary=True)
    now_ns = time.monotonic_ns()
    for number in range(2_000):
        now_ns += 1_000_000
        late = number > 100
        load.note(USUAL_NS * (20 if late else 1), running=MOST, now_ns=now_ns, is_whole=not late)
    assert adaptive.limit < MOST / 2


@pytest.mark.parametrize(
    ("slowness", "changes"),
    [
        (1.0, lambda before, after: after > before),
        (1.9, lambda before, after: after > before),
        (3.0, lambda before, after: after < before),
        (1e9, lambda before, after: after < before),
        (0.0, lambda before, after: after > before),
    ],
)
def test_it_falls_only_where_calls_are_slower_than_tolerated(
    slowness: float, changes: Callable[[float, float], bool]
) -> None:
    adaptive = AdaptiveLimit(least=1, most=MOST)
    for _ in range(30):
        adaptive.update(4.0, MOST)
    for _ in range(20):
        before = adaptive.limit
        adaptive.update(slowness, MOST)
    assert changes(before, adaptive.limit)


def test_it_is_not_raised_while_nobody_needs_it() -> None:
    adaptive = AdaptiveLimit(least=1, most=MOST)
    for _ in range(30):
        adaptive.update(4.0, MOST)
    for _ in range(10):
        adaptive.update(1.0, 1)
    before = adaptive.limit
    adaptive.update(1.0, 1)
    assert adaptive.limit == before


def test_it_stays_within_its_bounds() -> None:
    adaptive = AdaptiveLimit(least=3, most=40)
    for slowness in [1e9] * 100 + [1.0] * 200:
        adaptive.update(slowness, 40)
        assert 3 <= adaptive.limit <= 40
    assert adaptive.limit == 40


@pytest.mark.parametrize(
    "bounds",
    [
        {"least": 0, "most": 10},
        {"least": 11, "most": 10},
        {"least": 1, "most": 10, "tolerance": 1},
        {"least": float("nan"), "most": 10},
        {"least": 1, "most": 10, "tolerance": float("nan")},
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"more than|between"):
        AdaptiveLimit(**bounds)
