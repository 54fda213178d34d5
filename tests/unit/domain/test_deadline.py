"""Whose deadline it is."""

import asyncio
from typing import Any

from blrcs.domain.deadline import call_deadline_ns, expect_within, remaining_s


def test_nobody_waits_where_no_loop_runs() -> None:
    assert remaining_s() is None


async def test_a_deadline_holds_for_the_task_and_those_that_it_starts() -> None:
    async def child() -> float | None:
        return remaining_s()

    async def parent() -> float | None:
        expect_within(600.0)
        return await asyncio.create_task(child())

    left_s = await asyncio.create_task(parent())
    assert left_s is not None
    assert 0 < left_s <= 600
    assert remaining_s() is None


async def test_what_has_passed_leaves_nothing() -> None:
    async def late() -> float | None:
        call_deadline_ns.set(0)
        return remaining_s()

    assert await asyncio.create_task(late()) == 0


async def test_no_deadline_changes_nothing() -> None:
    async def patient() -> float | None:
        expect_within(None)
        return remaining_s()

    assert await asyncio.create_task(patient()) is None


async def test_a_task_that_serves_calls_is_asked() -> None:
    class Serving:
        def __await__(self) -> Any:
            return self

        def send(self, value: None) -> None:
            del value
            raise StopIteration(remaining_s())

        def throw(self, error: BaseException) -> None:
            raise error

        def close(self) -> None:
            """Holds nothing."""

        def time_remaining(self) -> float:
            return 7.0

    serving: Any = Serving()
    assert await asyncio.Task(serving) == 7.0
