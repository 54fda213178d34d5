import asyncio
import gc

import pytest

from blrcs.domain.errors import UnavailableError
from blrcs.redis.joined import joined


async def test_who_is_cancelled_leaves_the_task_to_others():
    end = asyncio.Event()
    task = asyncio.create_task(end.wait())
    leaving, staying = (asyncio.create_task(joined(task)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    end.set()
    assert await staying is True


async def test_who_waits_is_not_cancelled_with_the_task():
    task = asyncio.create_task(asyncio.Event().wait())
    waiting = asyncio.create_task(joined(task))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(UnavailableError):
        await waiting


async def test_a_failure_that_nobody_waits_for_any_more_is_not_logged():
    logged = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: logged.append(told))
    fails = asyncio.Event()

    async def fail():
        await fails.wait()
        raise UnavailableError("GONE", "it is away")

    task = asyncio.create_task(fail())
    leaving = [asyncio.create_task(joined(task)) for _ in range(2)]
    await asyncio.sleep(0)
    for each in leaving:
        each.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    fails.set()
    await asyncio.sleep(0)
    assert task.done()
    del task, each, leaving
    gc.collect()
    assert logged == []
