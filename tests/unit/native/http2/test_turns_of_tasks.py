"""Coroutines that let others go first, and go on with them in one turn of their own."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from blrcs_native.http2.eager_task import TaskPool

Outcome = tuple[Any, BaseException | None]


class Started:
    """Coroutines that were started in one step of the loop, and what they came to."""

    def __init__(self) -> None:
        self.pool = TaskPool(asyncio.get_running_loop())
        self.tasks: list[asyncio.Task[Any]] = []
        self.outcomes: list[Outcome] = []
        self.ended = asyncio.Event()

    def _told(self, result: Any, error: BaseException | None) -> None:
        self.outcomes.append((result, error))
        self.ended.set()

    async def warm(self, count: int) -> None:
        """So many tasks are there, and wait for a coroutine to run."""
        gate = asyncio.Event()
        await self.start(*(gate.wait() for _ in range(count)))
        gate.set()
        await settled()
        assert self.pool.idle == count
        self.tasks.clear()
        self.outcomes.clear()
        self.ended.clear()

    async def start(self, *coroutines: Coroutine[Any, Any, Any]) -> None:
        begun = asyncio.get_running_loop().create_future()

        def begin() -> None:
            for each in coroutines:
                task = self.pool.start(each, self._told)
                if task is not None:
                    self.tasks.append(task)
            begun.set_result(None)

        asyncio.get_running_loop().call_soon(begin)
        await begun


async def settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


@pytest.fixture
async def started() -> AsyncIterator[Started]:
    made = Started()
    yield made
    made.tasks.clear()
    made.pool.close()
    await settled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def going_round() -> None:
    for _ in itertools.count():
        await asyncio.sleep(0)


def counting(noted: list[tuple[str, int]]) -> Callable[[str, int], Coroutine[Any, Any, str]]:
    async def count(name: str, times: int) -> str:
        task = asyncio.current_task()
        for each in range(times):
            noted.append((name, each))
            await asyncio.sleep(0)
            assert asyncio.current_task() is task
        return name

    return count


async def test_they_take_turns_in_their_order(started: Started) -> None:
    await started.warm(3)
    noted: list[tuple[str, int]] = []
    count = counting(noted)
    await started.start(count("a", 3), count("b", 2), count("c", 3))
    await settled()
    assert noted == [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("b", 1), ("c", 1), ("a", 2), ("c", 2)]
    assert [result for result, _ in started.outcomes] == ["b", "a", "c"]
    assert started.pool.idle == 3


async def test_others_of_the_loop_have_theirs_between_them(started: Started) -> None:
    await started.warm(1)
    noted: list[tuple[str, int]] = []
    await started.start(counting(noted)("a", 100))
    seen = []
    for _ in range(5):
        seen.append(len(noted))
        await asyncio.sleep(0)
    assert seen == sorted(set(seen))
    for _ in range(100):
        await asyncio.sleep(0)
    assert [result for result, _ in started.outcomes] == ["a"]


@pytest.mark.parametrize("swallows", [False, True])
async def test_one_is_cancelled_while_it_lets_others_go_first(
    started: Started, swallows: bool
) -> None:
    await started.warm(2)
    told = []

    async def waiting() -> str:
        try:
            await going_round()
        except asyncio.CancelledError as error:
            told.append(error.args)
            if not swallows:
                raise
        return "done"

    await started.start(waiting(), counting([])("a", 3))
    assert started.tasks[0].cancel("why")
    await settled()
    assert told == [("why",)]
    results = dict(started.outcomes)
    assert results.pop("a") is None
    ((result, error),) = results.items()
    assert (result == "done") == swallows
    assert isinstance(error, asyncio.CancelledError) != swallows


async def test_who_is_cancelled_takes_no_further_step(started: Started) -> None:
    await started.warm(1)
    noted: list[tuple[str, int]] = []
    await started.start(counting(noted)("a", 5))
    started.tasks[0].cancel()
    taken = len(noted)
    await settled()
    assert len(noted) == taken
    ((_, error),) = started.outcomes
    assert isinstance(error, asyncio.CancelledError)


async def test_a_timeout_ends_one_that_only_lets_others_go_first(started: Started) -> None:
    await started.warm(1)

    async def waiting() -> str:
        try:
            async with asyncio.timeout(0.001):
                await going_round()
        except TimeoutError:
            return "timed out"
        return "not"

    await started.start(waiting())
    async with asyncio.timeout(5):
        await started.ended.wait()
    assert started.outcomes == [("timed out", None)]


async def test_after_its_turn_one_may_wait_for_a_future(started: Started) -> None:
    await started.warm(1)
    gate = asyncio.Event()

    async def waiting() -> str:
        await asyncio.sleep(0)
        await gate.wait()
        await asyncio.sleep(0)
        return "done"

    await started.start(waiting())
    await settled()
    assert not started.outcomes
    gate.set()
    await settled()
    assert started.outcomes == [("done", None)]


async def test_an_error_of_who_is_told_keeps_no_other_from_its_turn(started: Started) -> None:
    await started.warm(2)
    loop = asyncio.get_running_loop()
    reported: list[Any] = []
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def raising(*_: Any) -> None:
        raise KeyError("told")

    loop.call_soon(lambda: started.pool.start(asyncio.sleep(0), raising) and None)
    await started.start(counting([])("a", 2))
    await settled()
    assert [result for result, _ in started.outcomes] == ["a"]
    assert [type(each) for each in reported] == [KeyError]
