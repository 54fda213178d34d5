"""The server of the overload benchmark, on a free port of the loopback.

    python overload_server.py {off,on}

Prints its port, and serves until it is told to stop by SIGTERM. ``/Work/Compute`` keeps the event
loop busy for ``COMPUTE_S``; ``/Work/Wait`` waits for a dependency that does ``AT_ONCE`` calls
at a time, each in ``WAIT_S``; ``/Work/Health`` is critical and answers at once.
"""

import asyncio
import signal
import sys
import time

import uvloop

from blrcs.interceptors.overload import overload_rejections
from blrcs.process import settle_process
from blrcs.transport.native import NativeServer
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.load.adaptive_limit import AdaptiveLimit
from blrcs_native.load.overload import Overload

COMPUTE_S = 0.005
AT_ONCE = 10
WAIT_S = 0.020
MAX_CALLS = 1_000
RESERVE = 32


async def compute(request: bytes, call: Call) -> bytes:
    del call
    end_s = time.perf_counter() + COMPUTE_S
    while time.perf_counter() < end_s:
        pass
    return request


def waiting() -> Handler:
    dependency = asyncio.Semaphore(AT_ONCE)

    async def wait(request: bytes, call: Call) -> bytes:
        del call
        async with dependency:
            await asyncio.sleep(WAIT_S)
        return request

    return wait


async def health(request: bytes, call: Call) -> bytes:
    del call
    return request


def pipelines(overload: Overload) -> dict[str, Pipeline]:
    handlers = {"Compute": compute, "Wait": waiting(), "Health": health}
    made = {}
    for name, handler in handlers.items():
        method = Method(
            f"/Work/{name}",
            client_streaming=False,
            server_streaming=False,
            parse=None,
            serialize=None,
        )
        priority = "critical" if name == "Health" else "normal"
        load = overload.method(method.name, priority, is_unary=True)
        made[method.name] = Pipeline(method, handler, load=load)
    return made


async def serve(*, adaptive: bool) -> None:
    overload = Overload(
        overload_rejections(),
        max_calls=MAX_CALLS,
        reserve=RESERVE,
        adaptive=AdaptiveLimit(least=20, most=MAX_CALLS) if adaptive else None,
    )
    server = NativeServer(Router(pipelines(overload)), overload=overload)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    settle_process()
    print(f"port {port}", flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(serve(adaptive=sys.argv[1] == "on"))
