"""What tokens cost the calls that carry none."""

import asyncio
from typing import Any

from blrcs.interceptors.consistency import keep_consistency
from blrcs_native.http2.eager_task import TaskPool


class Call:
    """As much of a call as the middleware looks at."""

    metadata = ()


async def position() -> str:
    raise AssertionError("nothing was written")


async def answer(request: Any, call: Any) -> asyncio.Task[Any] | None:
    del request, call
    return asyncio.current_task()


async def test_calls_are_served_by_one_task_after_the_other() -> None:
    call: Any = Call()
    handler = keep_consistency(position)(None, answer)  # type: ignore[arg-type]
    pool = TaskPool(asyncio.get_running_loop())
    tasks = []
    for _ in range(3):
        served: list[Any] = []
        pool.start(handler(None, call), lambda result, error, served=served: served.append(result))
        tasks.append(id(served.pop()))
        # The task parks in the step after its first coroutine.
        await asyncio.sleep(0)
        assert pool.idle == 1
    assert len(set(tasks)) == 1
    pool.close()
    for _ in range(4):
        await asyncio.sleep(0)
