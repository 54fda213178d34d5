"""How the services of users live with the server."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from structlog.testing import capture_logs

from blrcs.assembly.housekeeping import Housekeeping, Work
from blrcs.assembly.services import HostedServices, ServiceLoadError
from blrcs.cache.memory import MemoryCache
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEntry
from blrcs.domain.errors import UnavailableError
from blrcs.resources.local import described_resources
from blrcs.resources.server_resources import ServerResources

Register = Callable[[Any, ServerResources], None]
PERIOD_S = 0.001


@pytest.fixture
def hosted(tmp_path: Path) -> HostedServices:
    return HostedServices(described_resources(tmp_path))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Where the services of a test are found."""
    made = ModuleType("services_of_the_test")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return made


def add(hosted: HostedServices, module: ModuleType, **services: Register) -> None:
    for name, register in services.items():
        setattr(module, name, register)
        hosted.add(f"{module.__name__}:{name}", object())


async def test_services_start_in_order_and_end_in_reverse(
    hosted: HostedServices, module: ModuleType
) -> None:
    done: list[str] = []

    def service(name: str) -> Register:
        async def start() -> None:
            done.append(f"start {name}")

        async def stop() -> None:
            done.append(f"stop {name}")

        def register(server: Any, resources: ServerResources) -> None:
            resources.on_start(start)
            resources.on_stop(stop)

        return register

    add(hosted, module, one=service("one"), two=service("two"))
    await hosted.start()
    await hosted.stop(60)
    assert done == ["start one", "start two", "stop two", "stop one"]


async def test_a_start_that_fails_is_told_in_one_line(
    hosted: HostedServices, module: ModuleType
) -> None:
    async def start() -> None:
        raise ValueError("nothing\nthere")

    add(hosted, module, broken=lambda _, resources: resources.on_start(start))
    with pytest.raises(ServiceLoadError) as caught:
        await hosted.start()
    said = str(caught.value)
    assert said.startswith("service services_of_the_test:broken: ValueError: nothing there (")
    assert f"{Path(__file__).name}:" in said


async def test_an_end_that_takes_too_long_is_given_up(
    hosted: HostedServices, module: ModuleType
) -> None:
    forever = asyncio.Event()
    add(hosted, module, slow=lambda _, resources: resources.on_stop(forever.wait))
    await hosted.start()
    with capture_logs() as logs:
        await hosted.stop(0.01)
    assert [(each["event"], each["service"]) for each in logs] == [
        ("a service took too long to end", "services_of_the_test:slow")
    ]


async def test_what_is_repeated_is_done_by_each_or_by_the_one_who_leads(
    hosted: HostedServices, module: ModuleType
) -> None:
    each, one = asyncio.Event(), asyncio.Event()

    async def by_each() -> None:
        each.set()

    async def by_one() -> None:
        one.set()

    def register(server: Any, resources: ServerResources) -> None:
        resources.repeat(PERIOD_S, by_each)
        resources.repeat(PERIOD_S, by_one, leader_only=True)

    asked: list[Work] = []

    def leading(work: Work) -> Work:
        asked.append(work)
        return work

    add(hosted, module, both=register)
    await hosted.start()
    async with AsyncExitStack() as stack:
        hosted.keep_house(Housekeeping(stack), leading)
        await each.wait()
        await one.wait()
    assert asked == [by_one]


class StartingCache(MemoryCache):
    """A cache whose process is not there yet at the first looks."""

    def __init__(self, looks: int) -> None:
        super().__init__(Cache())
        self.looks = looks

    async def get(self, namespace: str, key: str) -> CacheEntry | None:
        self.looks -= 1
        if self.looks >= 0:
            raise UnavailableError("CACHE_RESTARTING", "the cache is starting anew")
        return await super().get(namespace, key)


async def test_services_start_when_the_cache_answers(tmp_path: Path, module: ModuleType) -> None:
    cache = StartingCache(looks=3)
    hosted = HostedServices(replace(described_resources(tmp_path), cache=cache))

    def register(server: Any, resources: ServerResources) -> None:
        async def start() -> None:
            await resources.cache.get("titles", "7")

        resources.on_start(start)

    add(hosted, module, caching=register)
    await hosted.start()
    assert cache.looks < 0
