"""Plain creations of one moment are carried out together, and each is answered by itself."""

import asyncio

import pytest

from blrcs.application.records.plain_creations import PlainCreations
from blrcs.domain.errors import UnavailableError
from blrcs.domain.record_name import CollectionKey

ORDERS = CollectionKey("acme", "orders")


class Creations:
    """Notes what is created together, and does as it is told."""

    def __init__(self):
        self.groups = []
        self.suitable = True
        self.error = None
        self.declines = False

    def suits(self, parent):
        assert parent == ORDERS
        return None if self.suitable else False

    async def learn(self, parent):
        assert parent == ORDERS
        return self.suitable

    async def all_but_taken(self, parent, ids, texts, encoded):
        assert parent == ORDERS
        self.groups.append((ids, texts, encoded))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return None if self.declines else [b"shown " + each for each in encoded]


@pytest.fixture
def create():
    return Creations()


@pytest.fixture
def creations(create):
    return PlainCreations(create)


async def test_those_of_one_moment_go_together(create, creations):
    ids = ["a", "", "", "b"]
    images = await asyncio.gather(
        *[creations(ORDERS, each, str(at), b"%d" % at) for at, each in enumerate(ids)]
    )
    assert images == [b"shown 0", b"shown 1", b"shown 2", b"shown 3"]
    assert create.groups == [
        (["a", "", "", "b"], ["0", "1", "2", "3"], [b"0", b"1", b"2", b"3"]),
    ]


async def test_equal_ids_do_not_go_together(create, creations):
    await asyncio.gather(*[creations(ORDERS, each, "0", b"0") for each in ("a", "a", "", "")])
    assert [ids for ids, *_ in create.groups] == [["a"], ["a", "", ""]]


@pytest.mark.parametrize("error", [None, UnavailableError("DATABASE_UNAVAILABLE", "away")])
async def test_where_nothing_is_done_each_is_left_to_another_road(create, creations, error):
    create.error, create.declines = error, error is None
    images = await asyncio.gather(*[creations(ORDERS, each, "0", b"0") for each in "ab"])
    assert images == [None, None]


async def test_who_has_gone_takes_nobody_along(create, creations):
    tasks = [asyncio.create_task(creations(ORDERS, each, "0", b"0")) for each in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    assert await asyncio.gather(tasks[0], tasks[2]) == [b"shown 0"] * 2
    assert [ids for ids, *_ in create.groups] == [["a", "c"]]


@pytest.mark.parametrize("suitable", [True, False])
async def test_a_collection_suits_as_it_does_for_many(create, creations, suitable):
    create.suitable = suitable
    assert creations.suits(ORDERS) is (None if suitable else False)
    assert await creations.learn(ORDERS) is suitable
