"""A server that runs out of descriptors (CVE-2023-4785 is grpc core's failure of this)."""

import asyncio
import contextlib
import json
import socket
import sys

import grpc.aio
import pytest

from tests.integration.hostile.victim import PATIENCE_S

FILES = 40
COMPLAINT = b"connections have to wait, since none can be accepted: Too many open files\n"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_server_without_descriptors_serves_again_once_there_are_some(loop: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.hostile.serving_with_few_files",
        loop,
        str(FILES),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(3 * PATIENCE_S):
        port = int(await process.stdout.readline())
        with contextlib.ExitStack() as opened:
            for _ in range(2 * FILES):
                opened.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
            assert await process.stderr.readline() == COMPLAINT
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary("/e/Echo")
            assert await call(b"x", timeout=PATIENCE_S, wait_for_ready=True) == b"x"
        process.stdin.close()
        counted, logged = await process.communicate()
    assert process.returncode == 0
    # However often it was tried.
    assert logged == b""
    assert json.loads(counted)["descriptor_limit"] > 0
