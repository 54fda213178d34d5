"""What one process makes of its settings."""

from functools import partial
from pathlib import Path

from blrcs.app import running
from blrcs.config.loading import load_settings
from blrcs.monitoring.log_level import LogLevel


async def test_the_hot_methods_are_answered_directly(tmp_path: Path) -> None:
    flags = {"data_directory": str(tmp_path), "server.host": "127.0.0.1", "server.port": 0}
    load = partial(load_settings, environ={}, flags=flags | {"metrics.port": 0})
    async with running(load(), load, LogLevel("error")) as application:
        assert application.direct_methods == (
            "/blrcs.v1.AccessService/Check",
            "/blrcs.v1.AuthService/Introspect",
            "/blrcs.v1.CacheService/Get",
            "/blrcs.v1.CacheService/Set",
            "/blrcs.v1.LimitService/Consume",
            "/blrcs.v1.RecordService/CreateRecord",
            "/blrcs.v1.RecordService/GetRecord",
            "/grpc.health.v1.Health/Check",
        )
