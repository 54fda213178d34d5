"""What a service does at the start, repeatedly and at the end."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from blrcs.resources.service_life import Repeated, ServiceLife


class Diary:
    """Work that says what has been done."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def note(self, text: str) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            self.entries.append(text)

        return work

    def fail(self, text: str) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            self.entries.append(text)
            raise ValueError(text)

        return work


@pytest.fixture
def life() -> ServiceLife:
    return ServiceLife()


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def test_it_starts_in_order_and_stops_in_reverse(life: ServiceLife, diary: Diary) -> None:
    for name in ("a", "b"):
        life.on_start(diary.note(f"start {name}"))
        life.on_stop(diary.note(f"stop {name}"))
    await life.start()
    life.on_stop(diary.note("stop late"))
    await life.stop()
    await life.stop()
    assert diary.entries == ["start a", "start b", "stop late", "stop b", "stop a"]


async def test_a_start_that_fails_stops_what_was_named_before(
    life: ServiceLife, diary: Diary
) -> None:
    life.on_start(diary.note("start a"))
    life.on_stop(diary.note("stop a"))
    life.on_start(diary.fail("start b"))
    life.on_stop(diary.note("stop b"))
    life.on_start(diary.note("start c"))
    with pytest.raises(ValueError, match="start b"):
        await life.start()
    await life.stop()
    assert diary.entries == ["start a", "start b", "stop a"]


async def test_what_is_opened_at_the_start_may_name_its_end(
    life: ServiceLife, diary: Diary
) -> None:
    async def start() -> None:
        life.on_stop(diary.note("stop opened"))
        life.on_start(diary.note("start further"))

    life.on_start(start)
    life.on_stop(diary.note("stop"))
    await life.start()
    await life.stop()
    assert diary.entries == ["start further", "stop", "stop opened"]


async def test_an_end_that_fails_keeps_no_other(life: ServiceLife, diary: Diary) -> None:
    life.on_stop(diary.note("first"))
    life.on_stop(diary.fail("second"))
    await life.start()
    await life.stop()
    assert diary.entries == ["second", "first"]


async def test_nothing_starts_when_it_has_started(life: ServiceLife, diary: Diary) -> None:
    await life.start()
    with pytest.raises(RuntimeError):
        life.on_start(diary.note("late"))


async def test_an_end_that_is_cancelled_leaves_out_the_rest(
    life: ServiceLife, diary: Diary
) -> None:
    forever = asyncio.Event()
    life.on_stop(diary.note("first"))
    life.on_stop(forever.wait)
    await life.start()
    stopping = asyncio.create_task(life.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert diary.entries == []


def test_what_is_repeated_is_handed_over_whenever_it_is_named(
    life: ServiceLife, diary: Diary
) -> None:
    early, late = diary.note("early"), diary.note("late")
    begun: list[Repeated] = []
    life.repeat(1, early, leader_only=True)
    life.begin(begun.append)
    life.repeat(0.5, late, leader_only=False)
    assert begun == [Repeated(1, early, True), Repeated(0.5, late, False)]
    with pytest.raises(ValueError, match="more than 0"):
        life.repeat(0, early, leader_only=False)
