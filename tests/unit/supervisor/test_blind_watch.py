"""What a watch does where it cannot look."""

import asyncio

from structlog.testing import capture_logs

from blrcs.supervisor import watch
from blrcs.supervisor.watch import Watch


class Signs:
    """Cannot be read the first, second and fifth time; has nothing to tell after that."""

    def __init__(self):
        self.looks = 0
        self.seen = asyncio.Event()

    def hold_ups(self):
        self.looks += 1
        if self.looks in (1, 2, 5):
            raise AttributeError
        if self.looks == 6:
            self.seen.set()
        return {}


async def test_a_watch_that_cannot_look_says_so_once_and_looks_again(monkeypatch):
    monkeypatch.setattr(watch, "PERIOD_S", 0)
    signs = Signs()
    with capture_logs() as logs:
        task = asyncio.create_task(Watch(1.0, tuple, signs).keep())
        async with asyncio.timeout(10):
            await asyncio.wait(
                (task, seen := asyncio.create_task(signs.seen.wait())),
                return_when="FIRST_COMPLETED",
            )
        assert seen.done()
        task.cancel()
    assert [entry["event"] for entry in logs] == ["processes are not watched"] * 2
