from contextlib import aclosing
from types import SimpleNamespace

import pytest

from blrcs.domain.errors import ResourceExhaustedError
from blrcs.interceptors.watch_places import WatchPlaces

MOST, MOST_PER_CALLER = 3, 2


def call(name=None, address="10.0.0.1"):
    principal = None if name is None else SimpleNamespace(name=name)
    return SimpleNamespace(principal=principal, peer_address=address)


async def count(request, call):
    del call
    for number in range(request):
        yield number


@pytest.fixture
def places():
    return WatchPlaces(most=MOST, most_per_caller=MOST_PER_CALLER)


@pytest.fixture
def watch(places):
    return places.around(count)


async def begun(watch, *args, **fields):
    stream = watch(5, call(*args, **fields))
    assert await anext(stream) == 0
    return stream


async def refused(watch, *args, **fields):
    with pytest.raises(ResourceExhaustedError) as caught:
        await begun(watch, *args, **fields)
    return caught.value.reason


async def test_what_is_told_is_passed_on_and_the_place_given_back(places, watch):
    assert [each async for each in watch(5, call("users/a"))] == [0, 1, 2, 3, 4]
    assert places.taken == 0


async def test_a_caller_has_so_many_and_leaves_the_others_theirs(places, watch):
    own = [await begun(watch, "users/a") for _ in range(MOST_PER_CALLER)]
    assert await refused(watch, "users/a") == "TOO_MANY_OWN_WATCHES"
    other = await begun(watch, "users/b")
    assert await refused(watch, "users/b") == "TOO_MANY_WATCHES"
    for stream in (*own, other):
        await stream.aclose()
    assert places.taken == 0
    async with aclosing(await begun(watch, "users/a")):
        assert places.taken == 1


async def test_without_a_principal_the_address_counts(watch):
    streams = [await begun(watch) for _ in range(MOST_PER_CALLER)]
    assert await refused(watch) == "TOO_MANY_OWN_WATCHES"
    streams.append(await begun(watch, address="10.0.0.2"))
    for stream in streams:
        await stream.aclose()


async def test_a_watch_that_fails_gives_its_place_back(places):
    async def fail(request, call):
        yield request, call
        raise ValueError

    for _ in range(MOST_PER_CALLER + 1):
        with pytest.raises(ValueError):
            [each async for each in places.around(fail)(1, call("users/a"))]
    assert places.taken == 0
