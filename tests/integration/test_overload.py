"""A native server that is asked for more than it can do, by callers of its own accord."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import grpc
import grpc.aio

from blrcs.interceptors.overload import overload_rejections
from blrcs.transport.native import NativeServer
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.load.adaptive_limit import AdaptiveLimit
from blrcs_native.load.overload import Overload

COMPUTE_S = 0.002
CALLERS = 8
CALLS_AT_ONCE = 8
LEAST_SEEN = 20
PATIENCE_S = 60


class Server:
    """``/Work/Compute`` holds the event loop, ``/Work/Health`` is critical and does not."""

    def __init__(self) -> None:
        self.overload = Overload(
            overload_rejections(),
            max_calls=100,
            reserve=4,
            adaptive=AdaptiveLimit(least=10, most=100),
            max_wait_ns=20_000_000,
        )
        self.computed = 0
        pipelines = {
            name: Pipeline(
                Method(
                    name, client_streaming=False, server_streaming=False, parse=None, serialize=None
                ),
                handler,
                load=self.overload.method(name, priority, is_unary=True),
            )
            for name, handler, priority in (
                ("/Work/Compute", self._compute, "normal"),
                ("/Work/Health", self._answer, "critical"),
            )
        }
        self.native = NativeServer(Router(pipelines), overload=self.overload)
        self.port = self.native.add_insecure_port("127.0.0.1:0")

    async def _compute(self, request, call):
        self.computed += 1
        end_s = time.perf_counter() + COMPUTE_S
        while time.perf_counter() < end_s:
            pass
        return request

    async def _answer(self, request, call):
        return request


def call_on(port: int, method: str, at_once: int, done: Event, ended: Counter[str]) -> None:
    """Calls from a thread, so many at once, until it is done."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        unary = channel.unary_unary(method)
        while not done.is_set():
            for each in [unary.future(b"x", timeout=PATIENCE_S) for _ in range(at_once)]:
                ended[each.details() if each.code() is not grpc.StatusCode.OK else "OK"] += 1


async def until(condition: Callable[[], bool], loads: list[asyncio.Future[None]]) -> None:
    """Returns once it holds; fails where a caller has failed before."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(COMPUTE_S)
            for each in loads:
                assert not each.done() or each.result()


async def test_what_cannot_be_done_is_refused_and_health_is_answered() -> None:
    server, done = Server(), Event()
    await server.native.start()
    work: Counter[str] = Counter()
    health: Counter[str] = Counter()
    busy = overload_rejections()[0][0].message
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(CALLERS + 1) as threads:
        loads = [
            loop.run_in_executor(
                threads, call_on, server.port, "/Work/Compute", CALLS_AT_ONCE, done, work
            )
            for _ in range(CALLERS)
        ]
        loads.append(
            loop.run_in_executor(threads, call_on, server.port, "/Work/Health", 1, done, health)
        )
        try:
            await until(lambda: server.overload.saturated, loads)
            await until(lambda: min(work["OK"], work[busy], health["OK"]) >= LEAST_SEEN, loads)
        finally:
            done.set()
            await asyncio.gather(*loads)
    assert set(work) == {"OK", busy}
    assert set(health) == {"OK"}
    assert server.computed == work["OK"], "what was refused has not run"
    assert (server.overload.running, server.native.running_calls) == (0, 0)
    await server.native.stop(0)


async def test_a_server_that_stops_has_nothing_running_any_more() -> None:
    begun, never = asyncio.Event(), asyncio.Event()
    overload = Overload(overload_rejections(), max_calls=100, max_calls_per_caller=100)

    async def wait(request: bytes, call: Call) -> bytes:
        del call
        if overload.running == CALLERS:
            begun.set()
        await never.wait()
        return request

    method = Method(
        "/Work/Wait", client_streaming=False, server_streaming=False, parse=None, serialize=None
    )
    load = overload.method(method.name, "normal", is_unary=True)
    native = NativeServer(Router({method.name: Pipeline(method, wait, load=load)}))
    port = native.add_insecure_port("127.0.0.1:0")
    await native.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        unary = channel.unary_unary(method.name)
        calls = [unary(b"x", timeout=PATIENCE_S) for _ in range(CALLERS)]
        async with asyncio.timeout(PATIENCE_S):
            await begun.wait()
        await native.stop(0)
        codes = {await each.code() for each in calls}
    assert codes == {grpc.StatusCode.UNAVAILABLE}
    assert (overload.running, overload.callers) == (0, 0)
