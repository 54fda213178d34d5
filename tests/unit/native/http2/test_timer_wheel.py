"""The timer wheel against a plain model."""

import asyncio
import gc
import time

from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.http2.timer_wheel import Alarm, TimerWheel

TICK_NS = 4_194_304
ROUND_NS = 2_048 * TICK_NS
ALARMS = 5

durations = st.one_of(
    st.integers(-TICK_NS, 3 * TICK_NS),
    st.integers(0, 3 * ROUND_NS),
    st.sampled_from([0, TICK_NS, ROUND_NS - TICK_NS, ROUND_NS, ROUND_NS + TICK_NS]),
)
actions = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "advance", "unset"]), st.integers(0, ALARMS - 1), durations
    ),
    max_size=60,
)


@given(actions)
def test_each_timer_fires_once_and_in_its_time(steps: list[tuple[str, int, int]]) -> None:
    wheel = TimerWheel()
    now_ns = time.monotonic_ns() + TICK_NS
    wheel.advance_to(now_ns)
    fired: list[int] = []
    alarms = [Alarm(lambda index=index: fired.append(index)) for index in range(ALARMS)]
    due: dict[int, int] = {}
    for kind, index, duration_ns in steps:
        if kind == "set":
            due[index] = now_ns + duration_ns
            wheel.set(alarms[index], due[index])
        elif kind == "unset":
            due.pop(index, None)
            wheel.unset(alarms[index])
        else:
            now_ns += abs(duration_ns)
            wheel.advance_to(now_ns)
            assert len(fired) == len(set(fired))
            assert all(due.pop(index) <= now_ns for index in fired)
            fired.clear()
            # Late by one tick at most, whatever has been due before it was set.
            assert all(due_ns > now_ns - 2 * TICK_NS for due_ns in due.values())
        assert wheel.pending == len(due)
    now_ns += 10 * ROUND_NS
    wheel.advance_to(now_ns)
    assert sorted(fired) == sorted(due)
    assert wheel.pending == 0


def test_a_timer_may_set_and_unset_others_as_it_fires() -> None:
    wheel = TimerWheel()
    start_ns = time.monotonic_ns()
    fired: list[str] = []
    late = Alarm(lambda: fired.append("late"))
    second = Alarm(lambda: fired.append("second"))

    def first_fires() -> None:
        fired.append("first")
        wheel.unset(second)
        wheel.set(late, start_ns + 10 * TICK_NS)
        wheel.set(first, start_ns + 20 * TICK_NS)

    first = Alarm(first_fires)
    wheel.set(first, start_ns)
    wheel.set(second, start_ns)
    wheel.advance_to(start_ns + 3 * TICK_NS)
    assert fired == ["first"]
    assert wheel.pending == 2
    wheel.advance_to(start_ns + 30 * TICK_NS)
    assert fired == ["first", "late", "first"]


def test_neither_a_timer_nor_its_wheel_minds_which_goes_first() -> None:
    wheel = TimerWheel()
    now_ns = time.monotonic_ns()
    alarms = [Alarm(print) for _ in range(3)]
    for alarm in alarms:
        wheel.set(alarm, now_ns + 10 * TICK_NS)
    del alarms[1], alarm
    gc.collect()
    wheel.set(alarms[1], now_ns + 20 * TICK_NS)
    del wheel
    gc.collect()
    alarms.clear()


async def test_the_loop_drives_it() -> None:
    loop = asyncio.get_running_loop()
    wheel = TimerWheel(loop)
    fired: asyncio.Future[int] = loop.create_future()
    later = Alarm(lambda: None)
    soon = Alarm(lambda: fired.set_result(time.monotonic_ns()))
    wheel.set(later, time.monotonic_ns() + 3_600_000_000_000)
    due_ns = time.monotonic_ns() + 1_000_000
    wheel.set(soon, due_ns)
    assert await fired >= due_ns
    assert wheel.pending == 1
    wheel.close()


async def test_one_that_is_closed_fires_nothing_more() -> None:
    wheel = TimerWheel(asyncio.get_running_loop())
    fired: list[bool] = []
    alarm = Alarm(lambda: fired.append(True))
    wheel.set(alarm, time.monotonic_ns())
    wheel.close()
    await asyncio.sleep(0.01)
    assert fired == []
