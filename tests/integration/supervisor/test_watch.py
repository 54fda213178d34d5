"""A supervisor replaces processes that live and do nothing, and those that hold up others."""

import asyncio
import signal

from tests.integration.supervisor.stage import (
    KEEPER,
    WATCHFUL,
    Event,
    Stage,
    kill,
    on_stage,
    turn,
)
from tests.integration.supervisor.test_supervisor import lent

HANG_S = 30
SOME_LOOKS, TURNS = 4, 10
LATE_S = HOLDING_S = 5
# Real time goes on too; of what passes between two looks at most twice their distance counts.
SHORT_OF_HANG_S = HANG_S / 2 - 1
SHORT_OF_LATE_S = SHORT_OF_HOLDING_S = LATE_S / 2 - 1


async def killed(stage: Stage, process: int, said: str) -> None:
    """In time the process is asked where it hangs, then killed."""
    while not stage.said(said):
        await stage.pass_time(0.5)
    (event,) = stage.said(said)
    assert event["process"] == process
    await stage.until("SIGUSR1")
    turn(WATCHFUL.stacks_s)
    died = await stage.until_said(f"{event['event'].split()[0]} died")
    assert (died["process"], died["code"]) == (process, -signal.SIGKILL)


@on_stage
async def test_who_does_not_beat_is_killed_and_replaced() -> None:
    stage = Stage(2, patience=WATCHFUL)
    async with stage.running():
        hung = await stage.until("serves", "worker1")
        stage.signs.silent.add(hung.process)
        await stage.pass_time(SHORT_OF_HANG_S)
        assert not stage.said("worker hangs and is killed")
        await killed(stage, hung.process, "worker hangs and is killed")
        await stage.until("serves", "worker1", 2)
        await stage.until_said("worker started")
        await stage.pass_time(2 * HANG_S)
        assert stage.signs.hangs == 1
        assert len(stage.found("serves", "worker0")) == 1


@on_stage
async def test_a_keeper_that_does_not_beat_is_replaced_too() -> None:
    stage = Stage(1, keeper=True, patience=WATCHFUL)
    async with stage.running():
        hung = await stage.until("serves", KEEPER)
        stage.signs.silent.add(hung.process)
        await killed(stage, hung.process, "keeper hangs and is killed")
        await stage.until_said("keeper started")


@on_stage
async def test_a_stopped_process_is_killed_all_the_same() -> None:
    stage = Stage(1, patience=WATCHFUL)
    async with stage.running():
        stopped = await stage.until("serves")
        kill(stopped.process, signal.SIGSTOP)
        stage.signs.silent.add(stopped.process)
        await stage.pass_time(HANG_S + 1)
        turn(WATCHFUL.stacks_s)
        assert (await stage.until_said("worker died"))["process"] == stopped.process
        await stage.until_said("worker started")


@on_stage
async def test_who_is_late_gets_no_connections_until_it_goes_on() -> None:
    stage = Stage(2, patience=WATCHFUL)
    async with stage.running():
        late = await stage.until("serves", "worker1")
        assert stage.steered == [[0], [0, 1]]
        stage.signs.silent.add(late.process)
        await stage.pass_time(SHORT_OF_LATE_S)
        assert stage.steered[2:] == []
        await stage.pass_time(LATE_S)
        assert stage.steered[2:] == [[0]]
        assert await lent(stage, "worker0") == ["borrows-1-2"]
        stage.signs.silent.clear()
        await stage.pass_time(1)
        assert stage.steered[3:] == [[0, 1]]
        assert (await lent(stage, "worker0"))[1:] == ["returns-1-0"]
        await stage.pass_time(HANG_S)
        assert stage.signs.hangs == 0
        assert [each["event"] for each in stage.log] == ["worker is late", "worker goes on"]


@on_stage
async def test_time_in_which_the_supervisor_could_not_look_does_not_count() -> None:
    stage = Stage(1, patience=WATCHFUL)
    async with stage.running():
        serving = await stage.until("serves")
        stage.signs.silent.add(serving.process)
        await stage.pass_time(1)
        turn(1_000 * HANG_S)
        await stage.pass_time(1)
        assert not stage.log


@on_stage
async def test_who_holds_up_others_is_ended_and_they_are_not() -> None:
    stage = Stage(3, patience=WATCHFUL)
    async with stage.running():
        for seat in range(3):
            await stage.until("serves", f"worker{seat}")
        holder, *waiters = [each.process for each in stage.found("serves")]
        stage.signs.silent.update((holder, *waiters))
        await stage.pass_time(1)
        stage.signs.waits = {n: (waiter, holder) for n, waiter in enumerate(waiters)}
        await stage.pass_time(SHORT_OF_HOLDING_S)
        assert not stage.said("worker holds up others and is killed")
        await killed(stage, holder, "worker holds up others and is killed")
        stage.signs.waits.clear()
        await stage.pass_time(SHORT_OF_HANG_S)
        assert not stage.said("worker hangs and is killed")
        assert stage.signs.hangs == 1


@on_stage
async def test_who_waits_for_one_after_another_is_not_held_up() -> None:
    stage = Stage(2, patience=WATCHFUL)
    async with stage.running():
        waiter = await stage.until("serves", "worker0")
        holder = await stage.until("serves", "worker1")
        for number in range(4 * HOLDING_S):
            stage.signs.waits = {number: (waiter.process, holder.process)}
            await stage.pass_time(SHORT_OF_HOLDING_S)
        assert not stage.log


@on_stage
async def test_what_is_had_by_one_after_another_is_held_up_by_none() -> None:
    stage = Stage(3, patience=WATCHFUL)
    async with stage.running():
        waiter, *holders = [
            (await stage.until("serves", f"worker{seat}")).process for seat in range(3)
        ]
        for number in range(4 * HOLDING_S):
            stage.signs.waits = {"wait": (waiter, holders[number % 2])}
            await stage.pass_time(SHORT_OF_HOLDING_S)
        assert not stage.log


@on_stage
async def test_who_is_stopped_while_it_waits_is_ended_and_those_that_go_on_are_not() -> None:
    stage = Stage(2, patience=WATCHFUL)
    async with stage.running():
        waiter = (await stage.until("serves", "worker0")).process
        holder = (await stage.until("serves", "worker1")).process
        stage.signs.silent.add(waiter)
        stage.signs.stopped.add(waiter)
        stage.signs.waits = {"wait": (waiter, holder)}
        await stage.pass_time(SHORT_OF_HANG_S)
        assert [each["event"] for each in stage.log] == ["worker is late"]
        await killed(stage, waiter, "worker hangs and is killed")
        assert not stage.said("worker holds up others and is killed")


@on_stage
async def test_who_cannot_go_on_because_of_a_third_is_not_at_fault() -> None:
    stage = Stage(3, patience=WATCHFUL)
    async with stage.running():
        last, middle, stopped = [
            (await stage.until("serves", f"worker{seat}")).process for seat in range(3)
        ]
        stage.signs.silent.update((last, middle, stopped))
        stage.signs.waits = {"last": (last, middle), "middle": (middle, stopped)}
        await killed(stage, stopped, "worker holds up others and is killed")
        stage.signs.waits.clear()
        await stage.pass_time(SHORT_OF_HANG_S)
        assert stage.signs.hangs == 1


@on_stage
async def test_what_this_process_waits_for_itself_is_held_up_though_it_tries_seldom() -> None:
    stage = Stage(1, patience=WATCHFUL)
    async with stage.running():
        holder = (await stage.until("serves")).process
        stage.signs.stopped.add(0)
        stage.signs.waits = {"wait": (0, holder)}
        await killed(stage, holder, "worker holds up others and is killed")


@on_stage
async def test_a_wait_is_over_with_its_holder() -> None:
    stage = Stage(2, patience=WATCHFUL)
    async with stage.running():
        waiter = (await stage.until("serves", "worker0")).process
        holder = (await stage.until("serves", "worker1")).process
        stage.signs.waits = {"wait": (waiter, holder)}
        await killed(stage, holder, "worker holds up others and is killed")
        await stage.until_said("worker started")
        successor = (await stage.until("serves", "worker1", 2)).process
        stage.signs.waits = {"wait": (waiter, successor)}
        await stage.pass_time(SHORT_OF_HOLDING_S)
        assert stage.signs.hangs == 1


@on_stage
async def test_a_look_that_fails_is_not_the_last() -> None:
    stage = Stage(1, patience=WATCHFUL)
    async with stage.running():
        hung = (await stage.until("serves")).process
        stage.signs.silent.add(hung)
        stage.signs.fails = True
        await stage.pass_time(5)
        assert [each["event"] for each in stage.log] == ["processes are not watched"]
        stage.signs.fails = False
        await killed(stage, hung, "worker hangs and is killed")


@on_stage
async def test_what_another_holds_up_is_put_right_later() -> None:
    answers = [False, False, True]
    stage = Stage(2, patience=WATCHFUL, recover=lambda: answers.pop(0) if answers else True)
    async with stage.running():
        kill((await stage.until("serves", "worker1")).process)
        for count in (1, 2):
            await stage.until("is held up", count=count)
            turn(1)
        await stage.until("recovered")
        assert stage.order().count(("", "is held up")) == 2


@on_stage
async def test_a_rolling_restart_does_not_wait_for_one_that_hangs() -> None:
    stage = Stage(2, {"worker0": ["deaf"]}, patience=WATCHFUL)
    async with stage.running():
        deaf = await stage.until("serves", "worker0")
        stage.signs.silent.add(deaf.process)
        stage.supervisor.restart()
        await stage.until("SIGUSR2", "worker0")
        await stage.pass_time(HANG_S + 1)
        turn(WATCHFUL.stacks_s)
        await stage.until_said("workers replaced")
        assert not stage.said("worker does not end and is killed")
        assert not stage.said("worker died")
        assert not stage.found("ends", "worker0")


@on_stage
async def test_a_drain_does_not_wait_for_one_that_hangs() -> None:
    stage = Stage(2, {"worker0": ["deaf"]}, patience=WATCHFUL)

    async def wait() -> None:
        await stage.until("SIGTERM", "worker0")
        await stage.pass_time(HANG_S + 1)
        turn(WATCHFUL.stacks_s)

    async with stage.running():
        deaf = await stage.until("serves", "worker0")
        stage.signs.silent.add(deaf.process)
        waiting = asyncio.create_task(wait())
    await waiting
    assert len(stage.said("worker hangs and is killed")) == 1
    assert not stage.said("worker does not end and is killed")
    assert Event("worker0", deaf.process, "ends") not in stage.events
    # Once, before anybody was told to end; and who was late afterwards was taken nothing from.
    assert stage.port_ends == [0]
    assert stage.said("worker is late")
    assert not stage.said("processes are not watched")


@on_stage
async def test_nobody_is_watched_where_that_is_off() -> None:
    stage = Stage(1)
    async with stage.running():
        serving = await stage.until("serves")
        stage.signs.silent.add(serving.process)
        for _ in range(SOME_LOOKS):
            turn(1)
            # What is due after a turn of the clock runs in the loop's next turn but one.
            for _ in range(TURNS):
                await asyncio.sleep(0)
        assert stage.signs.looks == 0
