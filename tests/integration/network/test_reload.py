"""Rules about addresses change while the server runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc.aio import AioRpcError
from grpc_health.v1 import health_pb2, health_pb2_grpc

from blrcs.app import Application, running
from blrcs.config.live import ReloadOutcome
from blrcs.config.loading import load_settings
from blrcs.monitoring.log_level import LogLevel
from tests.transports import TRANSPORTS

CHECK = health_pb2.HealthCheckRequest()
LOCAL_SUBCHANNELS = [("grpc.use_local_subchannel_pool", 1)]


@asynccontextmanager
async def serving(folder: Path, transport: str) -> AsyncIterator[tuple[Application, Path]]:
    """A server and its configuration."""
    file = folder / "blrcs.toml"
    file.write_text("")
    flags = {
        "data_directory": str(folder / "data"),
        "server.port": 0,
        "server.transport": transport,
        "metrics.enabled": False,
    }
    load = partial(load_settings, environ={}, flags=flags, config_file=file)
    async with running(load(), load, LogLevel("critical")) as application:
        yield application, file


async def check(stub: Any) -> None:
    await stub.Check(CHECK, timeout=20)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_lists_change_without_a_restart(tmp_path: Path, transport: str) -> None:
    async with serving(tmp_path, transport) as (application, file):
        address = application.addresses[0].split(" ")[0]
        async with grpc.aio.insecure_channel(address, LOCAL_SUBCHANNELS) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            await check(stub)
            file.write_text('[network]\ndeny = ["127.0.0.0/8"]\n')
            assert await application.watcher.reload() is ReloadOutcome.APPLIED
            with pytest.raises(AioRpcError):
                await check(stub)
            file.write_text('[network]\nallow = ["127.0.0.1/8"]\n')
            assert await application.watcher.reload() is ReloadOutcome.REFUSED
            with pytest.raises(AioRpcError):
                await check(stub)
            file.write_text('[network]\nallow = ["127.0.0.0/8"]\n')
            assert await application.watcher.reload() is ReloadOutcome.APPLIED
        async with grpc.aio.insecure_channel(address, LOCAL_SUBCHANNELS) as channel:
            await check(health_pb2_grpc.HealthStub(channel))


async def test_connections_that_are_denied_meanwhile_end(tmp_path: Path) -> None:
    """Streams that run on them too, whatever guards they have passed."""
    async with serving(tmp_path, "native") as (application, file):
        address = application.addresses[0].split(" ")[0]
        async with grpc.aio.insecure_channel(address, LOCAL_SUBCHANNELS) as channel:
            watching = health_pb2_grpc.HealthStub(channel).Watch(CHECK)
            await asyncio.wait_for(watching.read(), 20)
            file.write_text('[network]\ndeny = ["127.0.0.1"]\n')
            await application.watcher.reload()
            with pytest.raises(AioRpcError) as caught:
                await asyncio.wait_for(watching.read(), 20)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_method_has_its_own_list_in_the_configuration(tmp_path: Path) -> None:
    async with serving(tmp_path, "native") as (application, file):
        address = application.addresses[0].split(" ")[0]
        async with grpc.aio.insecure_channel(address, LOCAL_SUBCHANNELS) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            file.write_text(
                '[policies."/grpc.health.v1.Health/Check"]\naddresses = { deny = ["127.0.0.1"] }\n'
            )
            await application.watcher.reload()
            with pytest.raises(AioRpcError) as caught:
                await check(stub)
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
            assert await asyncio.wait_for(stub.Watch(CHECK).read(), 20)
