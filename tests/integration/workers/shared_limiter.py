"""A limiter in memory that this process shares with those that it forks."""

import mmap
import os
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from blrcs.transport.in_process import InProcessStream
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.rate_limit import RateLimitGuard
from blrcs_native.limits.limiter import Limiter, Rule
from blrcs_native.limits.sharing import LimitSharing
from blrcs_native.shared.worker_slots import WorkerSlots

SLOTS = 8
PLACES = 16
HOUR_NS = 3600 * 1_000_000_000
MANY = 1 << 40
MAX_LIFE_S = 300


class SharedLimiter:
    """Memory and places for SLOTS processes; zero is the parent's, which makes it."""

    def __init__(self, capacity_cells: int) -> None:
        self._locks = os.memfd_create("slots")
        self._table = mmap.mmap(-1, 128 + 64 * capacity_cells)
        self._sharing = mmap.mmap(-1, LimitSharing.size_bytes_for(SLOTS, PLACES))
        self.counts = memoryview(mmap.mmap(-1, 8 * SLOTS)).cast("q")
        self.limiter, self.sharing = self.join(0)

    def join(self, slot: int) -> tuple[Limiter, LimitSharing]:
        """The limiter of this process, from its fork on."""
        slots = WorkerSlots(self._locks, SLOTS)
        slots.take(slot)
        sharing = LimitSharing(slots, buffer=self._sharing, places=PLACES)
        return Limiter(buffer=self._table, sharing=sharing), sharing


def fork(work: Callable[..., object], *arguments: Any) -> int:
    """A child that does the work and ends; its number."""
    child = os.fork()
    if child:
        return child
    signal.alarm(MAX_LIFE_S)  # whatever becomes of its parent
    code = 1
    try:
        work(*arguments)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent is told by the code alone
        traceback.print_exc()
    finally:
        os._exit(code)


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"a child failed with {status}"


def wait(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert status == 0, f"a child failed with {status}"


def used(limiter: Limiter, rule: Rule, key: str | bytes) -> int:
    return rule.limit - limiter.peek(rule, key).remaining


def guarded(limiter: Limiter, rule: Rule) -> Callable[[], bool]:
    """Makes a call that holds a place of the rule while it runs; whether it was admitted."""
    method = Method(
        "/a.B/C",
        client_streaming=False,
        server_streaming=False,
        parse=lambda body: body,
        serialize=lambda reply: reply,
    )

    async def handler(request: Any, call: Call) -> Any:
        return request

    def reject(index: int, wait_ms: int | None) -> Rejection:
        return Rejection(8, "rate_limit", "RATE_LIMITED", "")

    guard = RateLimitGuard(limiter, [(rule, "method")], reject)
    pipeline = Pipeline(method, handler, guards=[guard])

    def run() -> bool:
        call = Call(method, InProcessStream(None), (), "10.0.0.1")
        with suppress(StopIteration):
            pipeline.serve(call, b"").send(None)
        return call.rejection is None

    return run
