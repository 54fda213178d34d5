"""A host with resources."""

from pathlib import Path
from typing import Any

import pytest

from blrcs.resources import ServerResources
from blrcs.resources.local import described_resources
from blrcs.testing import Host


async def test_the_decisions_are_those_of_what_channels_are_granted(tmp_path: Path) -> None:
    given: list[ServerResources] = []

    def register(server: Any, resources: ServerResources) -> None:
        given.append(resources)

    async with Host(register, described_resources(tmp_path)) as host:
        decisions = given[0].decisions
        assert not decisions().check("users/alice", "orders.get", "orders/7")
        host.channel("users/alice", {"orders.get": "orders/7"})
        assert decisions().check("users/alice", "orders.get", "orders/7")
        assert not decisions().check("users/alice", "orders.get", "orders/8")
        assert decisions().permissions("users/alice", "orders/7") == ["orders.get"]


async def test_a_start_that_fails_is_undone(tmp_path: Path) -> None:
    done: list[str] = []

    async def stop() -> None:
        done.append("stop")

    async def fail() -> None:
        raise ValueError("at the start")

    def register(server: Any, resources: ServerResources) -> None:
        resources.on_stop(stop)
        resources.on_start(fail)

    with pytest.raises(ValueError, match="at the start"):
        async with Host(register, described_resources(tmp_path)):
            pytest.fail("it has started")
    assert done == ["stop"]


async def test_without_resources_a_second_parameter_is_missed() -> None:
    with pytest.raises(TypeError, match="resources"):
        Host(lambda server, resources: None)
