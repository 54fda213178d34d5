"""Limits across machines beside redis-benchmark, which runs the same script on the same server.

redis-benchmark calls the script over 64 connections, one decision a call. RedisLimits decides for
as many callers of one process; what they ask at a time goes in one round trip. Leased, Consume is
answered directly from bytes to bytes, by shares that are drawn meanwhile; what has no share at hand
takes the road through Python, and is timed too. The server has a core of its own, where there are
two.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from harness import Claim, Report, Timing, main, versions
from load import run_pinned
from redis_peer import failure, free_port, version
from server_process import ServerProcess, cores, running

from blrcs.api.limit_service import LimitService
from blrcs.config.redis import Redis
from blrcs.domain.limit_rule import LimitEntry, LimitMode, LimitRule
from blrcs.limits.limit_calls import Claim as LimitClaim
from blrcs.limits.limit_calls import Counted, LimitCall, Operation
from blrcs.limits.limit_queue import SCRIPT
from blrcs.limits.native_limits import NativeLimits
from blrcs.limits.redis_limits import RedisLimits
from blrcs.limits.redis_rule import compile_rule
from blrcs.redis.client import RedisClient
from blrcs.redis.url import RedisUrl
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import limit_pb2
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.direct.limit import DirectConsume
from blrcs_native.limits.limiter import Limiter

CALLERS = 64
SCRIPT_CALLS = 50_000
EXACT_CALLS = 50_000
LEASED_CALLS = 1_000_000
TABLE_CELLS = 4096
PATIENCE_S = 10
TURN = 1_000
"""Decisions between two turns of the loop, as a busy server makes them."""
NS_PER_S = 1_000_000_000
MANY = 1_000_000_000
DOMAIN = "checkout"
ALICE = (LimitEntry("user", "alice"),)
REQUEST = limit_pb2.ConsumeRequest(
    domain=DOMAIN,
    descriptors=[
        limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key="user", value="alice")])
    ],
)
CONSUME = Method(
    "/blrcs.v1.LimitService/Consume",
    client_streaming=False,
    server_streaming=False,
    parse=None,
    serialize=None,
)
EXACT = "exact: 64 callers of one process"
LEASED = "leased: Consume answered directly"
BY_PYTHON = "leased: by Python alone, one caller"
BENCHMARK = "redis-benchmark: EVALSHA, 64 connections"


def rule(mode: LimitMode) -> LimitRule:
    return LimitRule(id=mode, domain=DOMAIN, match=(LimitEntry("user"),), requests=MANY, mode=mode)


def script_rate(port: int, core: int | None) -> float:
    """Calls a second of the script that redis-benchmark makes."""
    counted = Counted(compile_rule(rule("exact"), key_prefix="bench:"), b"alice")
    call = LimitCall(Operation.CONSUME, [LimitClaim(counted, 1)])
    command = ["redis-benchmark", "-p", str(port), "-c", str(CALLERS), "-n", str(SCRIPT_CALLS)]
    command += ["--csv", "EVALSHA", SCRIPT.digest, "1", counted.rule.key(b"alice").decode(), ""]
    output = run_pinned([*command, f"[{call.packed().decode()}]"], core)
    # The name of what it ran has commas and quotes of its own.
    return float(output.splitlines()[-1].rsplit('","', 7)[1])


async def exact_rate(limits: RedisLimits) -> float:
    remaining = iter(range(EXACT_CALLS))

    async def call() -> None:
        for _ in remaining:
            assert (await limits.consume(DOMAIN, [ALICE], 1, check_only=False)).allowed

    start = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(CALLERS)))
    return EXACT_CALLS / (time.perf_counter() - start)


async def python_rate(limits: RedisLimits) -> float:
    calls = EXACT_CALLS
    start = time.perf_counter()
    for _ in range(calls):
        assert (await limits.consume(DOMAIN, [ALICE], 1, check_only=False)).allowed
    return calls / (time.perf_counter() - start)


async def leased_rate(limits: RedisLimits) -> float:
    unused: Any = None
    service = LimitService(
        limits=limits, rules=unused, secrets=unused, page_tokens=unused, clock=time.time_ns
    )
    direct = DirectConsume(limits.current)
    call: Any = Call(CONSUME, InProcessStream(None), (), "10.0.0.1")
    body = REQUEST.SerializeToString()
    answer = direct.answer_bytes
    start = time.perf_counter()
    for _ in range(LEASED_CALLS // TURN):
        for _ in range(TURN):
            if answer(call, body) is None:
                assert (await service.Consume(REQUEST, unused)).allowed
        await asyncio.sleep(0)
    return LEASED_CALLS / (time.perf_counter() - start)


@asynccontextmanager
async def limits_of(port: int, mode: LimitMode) -> AsyncIterator[RedisLimits]:
    client = RedisClient(RedisUrl.parse(f"redis://127.0.0.1:{port}"), Redis())
    limits = RedisLimits(
        client,
        NativeLimits(Limiter(TABLE_CELLS)),
        key_prefix="bench:",
        timeout_s=PATIENCE_S,
        retry_s=PATIENCE_S,
        on_loss=_fail,
    )
    limits.replace_rules([rule(mode)])
    yield limits
    await limits.close()
    await client.close()


def _fail(way: str) -> None:
    raise AssertionError(f"Redis was lost, and the limit is {way}")


async def rates(server: ServerProcess, core: int | None) -> dict[str, float]:
    """Decisions a second, each kind for itself."""
    async with limits_of(server.port, "exact") as limits:
        found = {EXACT: await exact_rate(limits)}
    found[BENCHMARK] = script_rate(server.port, core)
    async with limits_of(server.port, "leased") as limits:
        found[BY_PYTHON] = await python_rate(limits)
    async with limits_of(server.port, "leased") as limits:
        found[LEASED] = await leased_rate(limits)
    return found


def run(rounds: int) -> Report:
    title = "limits across machines"
    if (reason := failure()) is not None:
        return Report(title, left_out={"Redis": reason})
    server_core, load_core = cores()
    if load_core is not None:
        os.sched_setaffinity(0, {load_core})
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running(command, core=server_core, port=rf"port=({port})\.") as server:
        found = [uvloop.run(rates(server, load_core)) for _ in range(rounds)]
    timings = {
        name: Timing(tuple(NS_PER_S / each[name] for each in found))
        for name in (BENCHMARK, EXACT, LEASED, BY_PYTHON)
    }
    script_ns = timings[BENCHMARK].median_ns
    claims = [
        Claim("exact / redis-benchmark", script_ns / timings[EXACT].median_ns, at_least=0.8),
        Claim("leased / redis-benchmark", script_ns / timings[LEASED].median_ns, at_least=20),
        Claim("leased by Python / redis-benchmark", script_ns / timings[BY_PYTHON].median_ns),
    ]
    return Report(title, timings, claims, versions("redis") | {"redis-server": version()})


if __name__ == "__main__":
    main(run)
