"""What comes seldom is written at once, what floods together."""

import pytest

from blrcs.resilience.pace import Pace

MS = 1_000_000


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(clock, busy_s=0.25, idle_s=0.002, rate=50, capacity=50)


def test_what_comes_seldom_waits_for_nothing(clock: Clock, pace: Pace) -> None:
    for _ in range(1000):
        assert pace.interval_s == 0.002
        pace.wrote(1)
        clock.now_ns += 25 * MS


def test_a_flood_is_gathered_while_it_lasts_and_no_longer(clock: Clock, pace: Pace) -> None:
    assert pace.interval_s == 0.002
    for _ in range(20):
        pace.wrote(1_000_000)
        clock.now_ns += 250 * MS
        assert pace.interval_s == 0.25
    clock.now_ns += 1000 * MS
    assert pace.interval_s == 0.002


def test_many_a_second_are_gathered_though_they_come_one_by_one(clock: Clock, pace: Pace) -> None:
    intervals = []
    for _ in range(1000):
        intervals.append(pace.interval_s)
        pace.wrote(1)
        clock.now_ns += 5 * MS
    assert intervals[-1] == 0.25


def test_nobody_waits_longer_for_being_alone(clock: Clock) -> None:
    assert Pace(clock, busy_s=0.001).interval_s == 0.001
