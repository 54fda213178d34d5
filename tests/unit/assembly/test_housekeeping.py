"""Work that is repeated, while what it needs is away."""

import asyncio
from contextlib import AsyncExitStack

import pytest
import structlog

from blrcs.assembly.housekeeping import Housekeeping
from blrcs.database.errors import query_timed_out
from blrcs.domain.errors import ResourceExhaustedError, UnavailableError

PERIOD_S = 0.001
MOST_S = 30


class Dependency:
    """Something that several works need."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.is_away = True
        self.asked = [0, 0]
        self.moved = asyncio.Condition()

    def work(self, number: int):
        async def work() -> None:
            async with self.moved:
                self.asked[number] += 1
                self.moved.notify_all()
            if self.is_away:
                raise UnavailableError(self.reason, "it is away")

        return work

    async def until_all_have_asked_again(self) -> None:
        """Each once more and done with it: the second time begins behind the end of the first."""
        before = list(self.asked)
        async with asyncio.timeout(MOST_S), self.moved:
            await self.moved.wait_for(
                lambda: all(now >= then + 2 for now, then in zip(self.asked, before, strict=True))
            )


async def test_an_outage_is_told_once_however_many_wait() -> None:
    database, redis = Dependency("DATABASE_UNAVAILABLE"), Dependency("REDIS_UNAVAILABLE")
    with structlog.testing.capture_logs() as told:
        async with AsyncExitStack() as stack:
            house = Housekeeping(stack)
            for each in (database, redis):
                house.repeat(PERIOD_S, each.work(0))
                house.repeat(PERIOD_S, each.work(1))
            for each in (database, redis):
                await each.until_all_have_asked_again()
            database.is_away = False
            await database.until_all_have_asked_again()
            await redis.until_all_have_asked_again()
            database.is_away = True
            await database.until_all_have_asked_again()
    waits = [line["reason"] for line in told if line["event"] == "housekeeping has to wait"]
    goes_on = [line["reason"] for line in told if line["event"] == "housekeeping goes on"]
    assert sorted(waits) == ["DATABASE_UNAVAILABLE", "DATABASE_UNAVAILABLE", "REDIS_UNAVAILABLE"]
    assert goes_on == ["DATABASE_UNAVAILABLE"]


@pytest.mark.parametrize(
    "refusal",
    [ResourceExhaustedError("POOL_EXHAUSTED", "all are in use"), query_timed_out()],
    ids=lambda refusal: refusal.reason,
)
async def test_a_database_that_is_busy_is_told_once_and_is_no_fault(
    refusal: ResourceExhaustedError,
) -> None:
    asked = 0
    is_enough = asyncio.Event()

    async def work() -> None:
        nonlocal asked
        asked += 1
        if asked < 5:
            raise refusal
        if asked > 5:  # what becomes of the one before has been told
            is_enough.set()

    with structlog.testing.capture_logs() as told:
        async with AsyncExitStack() as stack:
            Housekeeping(stack).repeat(PERIOD_S, work)
            async with asyncio.timeout(MOST_S):
                await is_enough.wait()
    assert [(line["log_level"], line["event"], line["reason"]) for line in told] == [
        ("warning", "housekeeping has to wait", refusal.reason),
        ("info", "housekeeping goes on", refusal.reason),
    ]
