import asyncio
from itertools import pairwise

import pytest

from blrcs.database import retry as module
from blrcs.database.errors import ConflictError, IntegrityViolationError, SerializationError
from blrcs.database.retry import FIRST_PAUSE_S, LONGEST_PAUSE_S, retry


class Operation:
    """Meets another transaction some times, and then has a result."""

    def __init__(self, meetings: int) -> None:
        self.meetings = meetings
        self.runs = 0

    async def __call__(self) -> str:
        self.runs += 1
        if self.runs <= self.meetings:
            raise SerializationError
        return "done"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """The bounds of the pauses that were taken; each is as long as it can be, but takes no time."""
    bounds: list[tuple[float, float]] = []
    slept: list[float] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)
        assert slept == [high for _, high in bounds]

    monkeypatch.setattr(module.random, "uniform", uniform)
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    return bounds


async def test_what_meets_nobody_is_run_once(pauses: list[tuple[float, float]]) -> None:
    operation = Operation(0)
    assert await retry(operation, 1) == "done"
    assert operation.runs == 1
    assert pauses == []


async def test_what_meets_others_is_run_again(pauses: list[tuple[float, float]]) -> None:
    operation = Operation(4)
    assert await retry(operation, 5) == "done"
    assert operation.runs == 5
    assert len(pauses) == 4


async def test_the_last_attempt_is_the_last(pauses: list[tuple[float, float]]) -> None:
    operation = Operation(5)
    with pytest.raises(ConflictError) as caught:
        await retry(operation, 5)
    assert operation.runs == 5
    assert len(pauses) == 4
    assert caught.value.code == "ABORTED"
    assert caught.value.metadata == {"attempts": "5"}
    assert isinstance(caught.value.__cause__, SerializationError)


async def test_pauses_are_random_up_to_a_bound_that_doubles(
    pauses: list[tuple[float, float]],
) -> None:
    await retry(Operation(12), 13)
    assert all(low == 0 for low, _ in pauses)
    highs = [high for _, high in pauses]
    assert highs[0] <= 2 * FIRST_PAUSE_S
    for before, after in pairwise(highs):
        assert after == min(before * 2, LONGEST_PAUSE_S)
    assert highs[-1] == LONGEST_PAUSE_S


@pytest.mark.parametrize(
    "error", [IntegrityViolationError("unique"), ValueError(), asyncio.CancelledError()]
)
async def test_whatever_else_is_wrong_is_raised_at_once(
    pauses: list[tuple[float, float]], error: BaseException
) -> None:
    runs = 0

    async def operation() -> None:
        nonlocal runs
        runs += 1
        raise error

    with pytest.raises(type(error)):
        await retry(operation, 5)
    assert runs == 1
    assert pauses == []


async def test_there_is_at_least_one_attempt() -> None:
    operation = Operation(0)
    with pytest.raises(ValueError, match="at least 1"):
        await retry(operation, 0)
    assert operation.runs == 0


async def test_a_caller_that_is_gone_is_not_paused_for() -> None:
    operation = Operation(100)
    task = asyncio.create_task(retry(operation, 101))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert operation.runs == 1
