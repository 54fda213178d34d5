"""A supervisor and its processes, which do what a test tells them."""

import asyncio
import signal

import pytest

from blrcs.supervisor.supervisor import WorkerFailedError
from tests.integration.supervisor.stage import KEEPER, PATIENCE, Event, Stage, kill, on_stage, turn


@on_stage
async def test_the_first_is_started_alone() -> None:
    stage = Stage(3, {"worker0": ["waits"]}, keeper=True)
    async with asyncio.TaskGroup() as tasks:

        async def run() -> None:
            async with stage.running() as started:
                assert started.addresses == ["worker0"]

        running = tasks.create_task(run())
        waiting = await stage.until("begins", "worker0")
        await stage.until("serves", KEEPER)
        assert stage.firsts == [True]
        kill(waiting.process, signal.SIGUSR1)
        await running
    order = stage.order()
    for other in ("worker1", "worker2"):
        assert order.index(("worker0", "serves")) < order.index((other, "begins"))
    assert stage.firsts == [True, False, False]


@pytest.mark.parametrize("failing", ["worker0", "worker1", KEEPER])
def test_where_one_does_not_start_nothing_does(failing: str) -> None:
    @on_stage
    async def play() -> None:
        stage = Stage(2, {failing: ["fails"]}, keeper=True)
        with pytest.raises(WorkerFailedError):
            async with stage.running():
                raise AssertionError
        assert len(stage.found("recovered")) == len(stage.spawned)

    play()


@on_stage
async def test_a_start_may_be_given_up() -> None:
    stage = Stage(2, {"worker1": ["hangs"]}, keeper=True)

    async def run() -> None:
        async with stage.running():
            raise AssertionError

    running = asyncio.create_task(run())
    await stage.until("serves", "worker0")
    await stage.until("begins", "worker1")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert {each.seat for each in stage.found("SIGTERM")} >= {"worker0", "worker1"}
    assert len(stage.found("recovered")) == len(stage.spawned) == 3


@on_stage
async def test_who_dies_is_replaced_and_what_it_left_put_right_before() -> None:
    stage = Stage(2)
    async with stage.running():
        killed = await stage.until("serves", "worker1")
        kill(killed.process)
        successor = await stage.until("serves", "worker1", 2)
        started = await stage.until_said("worker started")
        (died,) = stage.said("worker died")
        assert (died["process"], died["code"]) == (killed.process, -signal.SIGKILL)
        assert started["process"] == successor.process
        order = stage.order()
        assert order.index(("", "recovered")) < len(order) - order[::-1].index(
            ("worker1", "begins")
        )
        assert not stage.found("SIGTERM")
    assert stage.firsts == [True, False, False]


@on_stage
async def test_the_keeper_is_replaced_too() -> None:
    stage = Stage(1, keeper=True)
    async with stage.running():
        kill((await stage.until("serves", KEEPER)).process)
        await stage.until_said("keeper started")
        assert len(stage.found("serves", "worker0")) == 1


@on_stage
async def test_who_keeps_dying_is_started_ever_later_and_never_given_up() -> None:
    stage = Stage(1, {"worker0": ["serves", *["fails"] * 9, "none"]})
    async with stage.running():
        kill((await stage.until("serves")).process)
        delays = [(await stage.until_said("worker died"))["next_in_s"]]
        for count in range(1, 11):
            turn(delays[-1])
            delays.append((await stage.until_said("worker does not start", count))["next_in_s"])
        assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0, 10.0]
        assert len(stage.said("no process can be started")) == 1
        turn(delays[-1])
        await stage.until_said("worker started")
        assert len(stage.said("worker died")) == 1


@on_stage
async def test_who_has_served_for_long_did_not_die_of_its_start() -> None:
    stage = Stage(1)
    async with stage.running():
        delays = []
        for count, lived_s in enumerate((0, 0, 0, PATIENCE.settled_s + 1, 0), 1):
            serving = await stage.until("serves", "worker0", count)
            if count > 1:
                await stage.until_said("worker started", count - 1)
            turn(lived_s)
            kill(serving.process)
            delays.append((await stage.until_said("worker died", count))["next_in_s"])
            turn(delays[-1])
        assert delays == [0.1, 0.2, 0.4, 0.1, 0.2]


@on_stage
async def test_a_successor_that_never_comes_to_serve_makes_way_for_another() -> None:
    stage = Stage(1, {"worker0": ["serves", "hangs"]})
    async with stage.running():
        kill((await stage.until("serves")).process)
        await stage.until("begins", "worker0", 2)
        turn(PATIENCE.start_s)
        hung = await stage.until_said("worker takes too long to start")
        await stage.until_said("worker does not start")
        await stage.until_said("worker started")
        begun = [each.process for each in stage.found("begins")]
        assert (len(begun), begun[1]) == (3, hung["process"])
        assert len(stage.found("recovered")) == 2


@on_stage
async def test_only_seats_that_are_served_get_connections() -> None:
    stage = Stage(2, {"worker1": ["serves", "waits"]}, keeper=True)
    async with stage.running():
        assert stage.steered == [[0], [0, 1]]
        kill((await stage.until("serves", KEEPER)).process)
        await stage.until_said("keeper started")
        assert stage.steered == [[0], [0, 1]]
        kill((await stage.until("serves", "worker1")).process)
        successor = await stage.until("begins", "worker1", 2)
        assert stage.steered[2:] == [[0]]
        kill(successor.process, signal.SIGUSR1)
        await stage.until_said("worker started")
        assert stage.steered[3:] == [[0, 1]]
        stage.supervisor.restart()
        await stage.until_said("workers replaced")
        assert stage.steered[4:] == []


async def lent(stage: Stage, seat: str) -> list[str]:
    """What the worker of a seat has been lent, and has given back, so far."""
    stage.supervisor.reload()
    await stage.until("SIGHUP", seat, len(stage.found("SIGHUP", seat)) + 1)
    told = [each for each in stage.events if each.seat == seat and "-" in each.what]
    return [each.what for each in told if each.process == told[-1].process]


@on_stage
async def test_the_queue_of_a_seat_is_lent_while_it_has_no_worker() -> None:
    stage = Stage(3, {"worker0": ["serves", "waits"], "worker1": ["serves", "waits"]})
    async with stage.running():
        kill((await stage.until("serves", "worker1")).process)
        successor = await stage.until("begins", "worker1", 2)
        assert await lent(stage, "worker0") == ["borrows-1-2"]
        # Whoever has it may die too.
        kill((await stage.until("serves", "worker0")).process)
        other = await stage.until("begins", "worker0", 2)
        assert await lent(stage, "worker2") == ["borrows-0-1", "borrows-1-2"]
        for each in (successor, other):
            kill(each.process, signal.SIGUSR1)
        await stage.until_said("worker started", 2)
        returned = await lent(stage, "worker2")
        assert sorted(returned[2:]) == ["returns-0-0", "returns-1-0"]


@on_stage
async def test_what_was_lent_is_lent_anew_where_its_holder_is_replaced() -> None:
    stage = Stage(3, {"worker1": ["serves", "waits"]})
    async with stage.running():
        kill((await stage.until("serves", "worker1")).process)
        await stage.until("begins", "worker1", 2)
        stage.supervisor.restart()
        successor = await stage.until("serves", "worker0", 2)
        await stage.until("SIGUSR2", "worker0")
        kill(stage.found("begins", "worker1")[1].process, signal.SIGUSR1)
        await stage.until_said("workers replaced")
        await lent(stage, "worker0")
        assert stage.events.count(Event("worker0", successor.process, "borrows-1-2")) == 1


@on_stage
async def test_the_keeper_ends_when_no_worker_is_left() -> None:
    stage = Stage(2, {"worker1": ["lingers"]}, keeper=True)

    async def release() -> None:
        await stage.until("ends", "worker0")
        lingering = await stage.until("SIGTERM", "worker1")
        assert not stage.found("SIGUSR2", KEEPER)
        kill(lingering.process, signal.SIGUSR1)

    async with stage.running():
        releasing = asyncio.create_task(release())
    await releasing
    order = stage.order()
    told = order.index((KEEPER, "SIGUSR2"))
    assert order.index(("worker0", "ends")) < told
    assert order.index(("worker1", "ends")) < told
    assert (KEEPER, "ends") in order
    assert not stage.said("worker died")


@on_stage
async def test_who_does_not_end_is_killed() -> None:
    stage = Stage(2, {"worker0": ["deaf"]}, keeper=True)

    async def wait() -> None:
        await stage.until("SIGTERM", "worker0")
        await stage.until("recovered")  # of the other
        turn(PATIENCE.end_s)

    async with stage.running():
        waiting = asyncio.create_task(wait())
        (deaf,) = stage.found("serves", "worker0")
    await waiting
    (said,) = stage.said("worker does not end and is killed")
    assert said["process"] == deaf.process
    assert not stage.found("ends", "worker0")
    assert stage.found("ends", KEEPER)
    assert len(stage.found("recovered")) == 3


@on_stage
async def test_all_workers_reload_and_one_that_starts_as_soon_as_it_serves() -> None:
    stage = Stage(2, {"worker1": ["serves", "waits"]}, keeper=True)
    async with stage.running():
        kill((await stage.until("serves", "worker1")).process)
        starting = await stage.until("begins", "worker1", 2)
        stage.supervisor.reload()
        await stage.until("SIGHUP", "worker0")
        assert not stage.found("SIGHUP", "worker1")
        kill(starting.process, signal.SIGUSR1)
        assert (await stage.until("SIGHUP", "worker1")).process == starting.process
        order = stage.order()
        assert order[::-1].index(("worker1", "SIGHUP")) < order[::-1].index(("worker1", "serves"))
    assert not stage.found("SIGHUP", KEEPER)


@on_stage
async def test_each_serves_until_its_successor_does() -> None:
    stage = Stage(2, keeper=True)
    async with stage.running():
        before = {each.process for each in stage.found("serves")}
        started = len(stage.events)
        stage.supervisor.restart()
        stage.supervisor.restart()  # after the first
        assert (await stage.until_said("workers replaced", 2))["count"] == 2
        steps = [each for each in stage.order()[started:] if each[1] != "recovered"]
        replaced = [
            (seat, what)
            for seat in ("worker0", "worker1")
            for what in ("begins", "serves", "SIGUSR2", "ends")
        ]
        assert steps == replaced * 2
        assert {each.process for each in stage.found("ends")} != before
    assert len(stage.found("begins", KEEPER)) == 1
    assert not stage.said("worker died")


@on_stage
async def test_who_is_just_starting_is_replaced_once_all_serve() -> None:
    stage = Stage(2, {"worker0": ["waits"]}, keeper=True)

    async def run() -> None:
        async with stage.running():
            await stage.until_said("workers replaced")

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run())
        first = await stage.until("begins", "worker0")
        await stage.until("serves", KEEPER)
        stage.supervisor.restart()
        for _ in range(10):  # turns in which it would begin
            await asyncio.sleep(0)
        assert stage.firsts == [True]
        kill(first.process, signal.SIGUSR1)
        await running
    assert stage.firsts == [True, False, False, False]


@pytest.mark.parametrize("part", ["fails", "hangs", "none"])
def test_a_restart_is_given_up_where_a_successor_does_not_start(part: str) -> None:
    @on_stage
    async def play() -> None:
        stage = Stage(3, {"worker1": ["serves", part]})
        async with stage.running():
            stage.supervisor.restart()
            if part == "hangs":
                await stage.until("begins", "worker1", 2)
                turn(PATIENCE.start_s)
            await stage.until_said("rolling restart given up: a new worker does not start")
            assert [each.seat for each in stage.found("SIGUSR2")] == ["worker0"]
            assert not stage.said("worker died")
            assert stage.steered[3:] == []
            stage.supervisor.restart()
            await stage.until_said("workers replaced")
            begun = [len(stage.found("begins", f"worker{seat}")) for seat in range(3)]
            assert (begun[0], begun[2]) == (3, 2)

    play()


@on_stage
async def test_a_restart_does_not_wait_for_the_next_try_of_a_dead_one() -> None:
    stage = Stage(1, {"worker0": ["serves", *["fails"] * 9]})
    async with stage.running():
        kill((await stage.until("serves")).process)
        delay_s = (await stage.until_said("worker died"))["next_in_s"]
        for count in range(1, 10):
            turn(delay_s)
            delay_s = (await stage.until_said("worker does not start", count))["next_in_s"]
        stage.supervisor.restart()
        await stage.until_said("workers replaced")
        turn(delay_s)
        kill((await stage.until("serves", count=2)).process)
        await stage.until_said("worker died", 2)
        assert len(stage.found("begins")) == 11
