import asyncio
from types import SimpleNamespace

import pytest

from blrcs.domain.errors import ResourceExhaustedError
from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.interceptors.watch_places import WatchPlaces
from blrcs_native.calls.method import Method
from blrcs_native.limits.limiter import Limiter

MOST, MOST_PER_CALLER = 3, 2


def call(name=None, address="10.0.0.1"):
    principal = None if name is None else SimpleNamespace(name=name)
    return SimpleNamespace(principal=principal, peer_address=address)


async def last(request, call):
    """Until it is cancelled."""
    request.set()
    await asyncio.Event().wait()


@pytest.fixture
def places():
    return WatchPlaces(most=MOST, most_per_caller=MOST_PER_CALLER)


@pytest.fixture
def watch(places):
    return places.around(last)


async def begun(watch, *args, **fields):
    begins = asyncio.Event()
    task = asyncio.ensure_future(watch(begins, call(*args, **fields)))
    waiting = asyncio.ensure_future(begins.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        task.result()
    return task


async def end(*tasks):
    for each in tasks:
        each.cancel()
    await asyncio.wait(tasks)


async def refused(watch, *args, **fields):
    with pytest.raises(ResourceExhaustedError) as caught:
        await begun(watch, *args, **fields)
    return caught.value.reason


async def test_what_it_gives_is_passed_on_and_the_place_given_back(places):
    async def answer(request, call):
        assert places.taken == 1
        return request, call.peer_address

    assert await places.around(answer)(5, call("users/a")) == (5, "10.0.0.1")
    assert places.taken == 0


async def test_a_caller_has_so_many_and_leaves_the_others_theirs(places, watch):
    own = [await begun(watch, "users/a") for _ in range(MOST_PER_CALLER)]
    assert await refused(watch, "users/a") == "TOO_MANY_OWN_WATCHES"
    other = await begun(watch, "users/b")
    assert await refused(watch, "users/b") == "TOO_MANY_WATCHES"
    await end(*own, other)
    assert places.taken == 0
    again = await begun(watch, "users/a")
    assert places.taken == 1
    await end(again)


async def test_without_a_principal_the_address_counts(watch):
    tasks = [await begun(watch) for _ in range(MOST_PER_CALLER)]
    assert await refused(watch) == "TOO_MANY_OWN_WATCHES"
    tasks.append(await begun(watch, address="10.0.0.2"))
    await end(*tasks)


async def test_a_watch_that_fails_gives_its_place_back(places):
    async def fail(request, call):
        raise ValueError

    for _ in range(MOST_PER_CALLER + 1):
        with pytest.raises(ValueError):
            await places.around(fail)(1, call("users/a"))
    assert places.taken == 0


def test_only_a_stream_can_be_a_watch(places):
    method = Method(
        "/test.Service/Get",
        client_streaming=False,
        server_streaming=False,
        parse=bytes,
        serialize=bytes,
        policy=MethodPolicy("public", watch=True),
    )
    with pytest.raises(PolicyError, match="Get is a watch"):
        PipelineFactory(limiter=Limiter(8), watches=places).bind(method, last)
