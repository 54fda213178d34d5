"""Coroutines that begin at once, in tasks that are real."""

import asyncio
import contextvars
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from blrcs_native.http2.eager_task import TaskPool

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")
Outcome = tuple[Any, BaseException | None]


class Starter:
    """Starts coroutines from callbacks of the loop, as a transport does."""

    def __init__(self) -> None:
        self.pool = TaskPool(asyncio.get_running_loop())

    async def begin(
        self, coroutine: Coroutine[Any, Any, Any]
    ) -> tuple[asyncio.Task[Any] | None, asyncio.Future[Outcome]]:
        """Its task, or None where it has ended, and what it came to."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        started: asyncio.Future[asyncio.Task[Any] | None] = loop.create_future()

        def start() -> None:
            started.set_result(
                self.pool.start(
                    coroutine, lambda result, error: outcome.set_result((result, error))
                )
            )

        loop.call_soon(start)
        return await started, outcome

    async def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        _, outcome = await self.begin(coroutine)
        result, error = await outcome
        if error is not None:
            raise error
        return result


@pytest.fixture
async def starter() -> AsyncIterator[Starter]:
    starter = Starter()
    yield starter
    starter.pool.close()
    for _ in range(4):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def current() -> int:
    task = asyncio.current_task()
    assert task is not None
    assert not task.done()
    assert task.get_loop() is asyncio.get_running_loop()
    return id(task)


async def waiting_current() -> int:
    before = await current()
    await asyncio.sleep(0)
    assert await current() == before
    return before


async def settled(starter: Starter) -> None:
    """Until new tasks have come to wait for their next coroutine."""
    for _ in range(4):
        await asyncio.sleep(0)


async def test_one_that_never_waits_has_ended_when_it_is_started(starter: Starter) -> None:
    task, outcome = await starter.begin(current())
    assert task is None
    assert outcome.done()


async def test_one_task_serves_many_that_do_not_wait(starter: Starter) -> None:
    tasks = set()
    for _ in range(20):
        tasks.add(await starter.run(current()))
        await settled(starter)
    assert len(tasks) == 1
    assert starter.pool.idle == 1


async def test_a_task_is_used_again_by_one_that_waits(starter: Starter) -> None:
    tasks = set()
    for _ in range(20):
        tasks.add(await starter.run(waiting_current()))
        await settled(starter)
    assert len(tasks) == 1


async def test_those_that_wait_at_once_have_a_task_each(starter: Starter) -> None:
    gate = asyncio.Event()

    async def waiting() -> int:
        await gate.wait()
        return await current()

    outcomes = [(await starter.begin(waiting()))[1] for _ in range(10)]
    gate.set()
    assert len({(await outcome)[0] for outcome in outcomes}) == 10


async def test_results_and_errors_arrive(starter: Starter) -> None:
    async def raising(*, waits: bool) -> None:
        if waits:
            await asyncio.sleep(0)
        raise KeyError("this")

    assert await starter.run(asyncio.sleep(0, "later")) == "later"
    for waits in (False, True):
        with pytest.raises(KeyError):
            await starter.run(raising(waits=waits))


async def test_timeouts_hold(starter: Starter) -> None:
    async def timing_out() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            return "timed out"
        return "not"

    assert await starter.run(timing_out()) == "timed out"
    assert await starter.run(waiting_current())


async def test_a_timeout_that_is_not_reached_leaves_nothing(starter: Starter) -> None:
    async def in_time() -> int:
        async with asyncio.timeout(10):
            return await waiting_current()

    tasks = set()
    for _ in range(3):
        tasks.add(await starter.run(in_time()))
        await settled(starter)
    assert len(tasks) == 1


async def test_task_groups_hold(starter: Starter) -> None:
    async def grouping() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, index)) for index in range(3)]
        return [task.result() for task in tasks]

    async def failing() -> None:
        async def fail() -> None:
            raise ValueError

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await asyncio.get_running_loop().create_future()

    assert await starter.run(grouping()) == [0, 1, 2]
    with pytest.raises(ExceptionGroup):
        await starter.run(failing())


async def test_variables_of_the_context_do_not_pass_from_one_to_the_next(starter: Starter) -> None:
    async def setting(*, waits: bool) -> str:
        before = VARIABLE.get()
        VARIABLE.set("mine")
        if waits:
            await asyncio.sleep(0)
        assert VARIABLE.get() == "mine"
        return before

    for waits in (False, True, False, True):
        assert await starter.run(setting(waits=waits)) == "unset"
        await settled(starter)
    assert VARIABLE.get() == "unset"


async def endless(noted: list[str], name: str) -> None:
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        noted.append(name)
        raise


async def test_cancelling_before_the_first_step_of_the_task(starter: Starter) -> None:
    noted: list[str] = []
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Outcome] = loop.create_future()

    def start() -> None:
        task = starter.pool.start(endless(noted, "a"), lambda *given: outcome.set_result(given))
        assert task is not None
        task.cancel()

    loop.call_soon(start)
    _, error = await outcome
    assert isinstance(error, asyncio.CancelledError)
    assert noted == ["a"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_cancelling_reaches_what_is_waited_for(starter: Starter, at_once: bool) -> None:
    noted: list[str] = []
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Outcome] = loop.create_future()
    inner: list[asyncio.Task[None]] = []

    async def outer() -> None:
        inner.append(asyncio.create_task(endless(noted, "inner")))
        await inner[0]

    def start() -> None:
        task = starter.pool.start(outer(), lambda *given: outcome.set_result(given))
        assert task is not None
        if at_once:
            task.cancel()
        else:
            loop.call_later(0.001, task.cancel)

    loop.call_soon(start)
    _, error = await outcome
    assert isinstance(error, asyncio.CancelledError)
    assert inner[0].cancelled()


async def test_cancelling_while_it_waits(starter: Starter) -> None:
    noted: list[str] = []
    task, outcome = await starter.begin(endless(noted, "a"))
    assert task is not None
    await settled(starter)
    task.cancel("why")
    _, error = await outcome
    assert isinstance(error, asyncio.CancelledError)
    assert error.args == ("why",)
    assert noted == ["a"]


async def test_a_cancellation_that_is_swallowed_does_not_reach_the_next_one(
    starter: Starter,
) -> None:
    async def swallowing() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "done"

    task, outcome = await starter.begin(swallowing())
    assert task is not None
    await settled(starter)
    task.cancel()
    assert (await outcome)[0] == "done"
    del task
    await settled(starter)
    assert await starter.run(waiting_current())


async def cancelling_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def test_one_may_cancel_itself(starter: Starter) -> None:
    with pytest.raises(asyncio.CancelledError):
        await starter.run(cancelling_itself())
    assert await starter.run(waiting_current())


async def test_cancelling_itself_without_waiting_harms_nobody(starter: Starter) -> None:
    async def careless() -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return "done"

    await starter.run(waiting_current())
    await settled(starter)
    assert await starter.run(careless()) == "done"
    await settled(starter)
    assert await starter.run(waiting_current())


@pytest.mark.parametrize("waits", [False, True])
async def test_a_task_that_somebody_holds_is_not_used_again(starter: Starter, waits: bool) -> None:
    held: list[Any] = []

    async def leaking() -> None:
        held.append(asyncio.current_task())
        if waits:
            await asyncio.sleep(0)

    await starter.run(leaking())
    await settled(starter)
    mine = id(held[0])
    for _ in range(3):
        assert await starter.run(waiting_current()) != mine
        await settled(starter)
    held[0].cancel()
    assert await starter.run(waiting_current())


KEYED: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def set_attribute(task: Any) -> None:
    task.user = "alice"


def set_name(task: Any) -> None:
    task.set_name("alice")


def key_by(task: Any) -> None:
    KEYED[task] = "alice"


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("mark", [set_attribute, set_name, key_by])
async def test_what_is_left_on_a_task_does_not_pass_from_one_to_the_next(
    starter: Starter, mark: Callable[[Any], None], waits: bool
) -> None:
    async def marking() -> None:
        mark(asyncio.current_task())
        if waits:
            await asyncio.sleep(0)

    async def found() -> tuple[Any, bool, Any]:
        task: Any = asyncio.current_task()
        return getattr(task, "user", None), task.get_name() == "alice", KEYED.get(task)

    await starter.run(found())
    await settled(starter)
    await starter.run(marking())
    await settled(starter)
    assert await starter.run(found()) == (None, False, None)


@pytest.mark.parametrize("waits", [False, True])
async def test_callbacks_of_the_task_are_called_when_it_ends(starter: Starter, waits: bool) -> None:
    ended = asyncio.Event()

    async def calling_back() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _: ended.set())
        if waits:
            await asyncio.sleep(0)

    await starter.run(calling_back())
    async with asyncio.timeout(5):
        await ended.wait()


async def test_awaiting_the_task_from_elsewhere(starter: Starter) -> None:
    gate = asyncio.Event()
    task, _ = await starter.begin(gate.wait())
    assert task is not None
    gate.set()
    async with asyncio.timeout(5):
        await task


async def test_a_done_task_leaves_nothing_for_the_collector(starter: Starter) -> None:
    gone: list[Callable[[], object]] = []

    async def noting() -> None:
        VARIABLE.set("changed, so that the task is not used again")
        task = asyncio.current_task()
        assert task is not None
        gone.append(weakref.ref(task))
        await asyncio.sleep(0)

    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            await starter.run(noting())
            await settled(starter)
        assert [ref() for ref in gone] == [None, None, None]
    finally:
        gc.enable()


async def test_a_pool_that_is_closed_still_runs_what_it_is_given(starter: Starter) -> None:
    starter.pool.close()
    assert await starter.run(waiting_current())
    await settled(starter)
    assert starter.pool.idle == 0


async def test_a_pool_that_is_closed_before_a_tasks_own_first_step_keeps_none() -> None:
    starter = Starter()
    starter.pool.start(current(), lambda *_: None)
    starter.pool.close()
    await settled(starter)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_within_a_task_that_one_comes_back(starter: Starter) -> None:
    outer = asyncio.current_task()
    outcomes: list[Outcome] = []
    for coroutine in (current, waiting_current, current, waiting_current, waiting_current):
        starter.pool.start(coroutine(), lambda *given: outcomes.append(given))
        assert asyncio.current_task() is outer
        await settled(starter)
    assert [error for _, error in outcomes] == [None] * 5
    assert id(outer) not in {result for result, _ in outcomes}


async def test_a_coroutine_that_nobody_times_has_no_deadline(starter: Starter) -> None:
    async def remaining() -> list[float | None]:
        task = asyncio.current_task()
        assert task is not None
        eager: Any = task.get_coro()
        at_once = eager.time_remaining()
        await asyncio.sleep(0)
        return [at_once, eager.time_remaining()]

    assert await starter.run(remaining()) == [None, None]
