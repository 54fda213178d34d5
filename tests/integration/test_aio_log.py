"""What a program shows that serves by ``blrcs.aio`` and has not said how it logs."""

import subprocess
import sys

PROGRAM = """
import asyncio

import grpc

import blrcs.aio
from blrcs.domain.policy import MethodPolicy
from blrcs.v1 import cache_pb2, cache_pb2_grpc


class Cache(cache_pb2_grpc.CacheServiceServicer):
    async def Get(self, request, call):
        kept_for_nobody = request.key[::-1]
        raise RuntimeError("boom\\nERROR:root:forged")


async def main():
    server = blrcs.aio.server(policies={"/blrcs.v1.CacheService/*": MethodPolicy("public")})
    cache_pb2_grpc.add_CacheServiceServicer_to_server(Cache(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            request = cache_pb2.GetRequest(namespace="n", key="2retnuh")
            await cache_pb2_grpc.CacheServiceStub(channel).Get(request)
        except grpc.aio.AioRpcError as error:
            print(error.details())
    await server.stop(0)


asyncio.run(main())
"""


def test_a_failure_shows_no_values_of_variables_and_forges_no_line() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "internal error\n"
    first, *traceback = run.stderr.splitlines()
    assert first == "handler failed method='/blrcs.v1.CacheService/Get'"
    assert traceback
    assert all(line.startswith("    ") for line in traceback)
    assert "hunter2" not in run.stderr
    assert "kept_for_nobody = " not in run.stderr
