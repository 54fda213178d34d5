"""What is known of collections, while several ask for it at once."""

import asyncio
from dataclasses import replace

import pytest

from blrcs.application.collections.collection_shapes import CollectionShapes
from blrcs.domain.collection import Collection
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey

KEY = CollectionKey("acme", "orders")
PLAIN = Collection(key=KEY, create_time_ns=0, update_time_ns=0)
SEALED = replace(PLAIN, encrypted_fields=("card",))


class Stored:
    """The collection as it is stored."""

    def __init__(self, collection):
        self.collection = collection

    async def get(self, key):
        del key
        return self.collection


class Held:
    """Keys that cannot be had, which is told when somebody says so."""

    def __init__(self):
        self.asked = asyncio.Semaphore(0)
        self.told = asyncio.Event()

    async def of(self, collection):
        del collection
        self.asked.release()
        await self.told.wait()
        raise FailedPreconditionError("ENCRYPTION_KEY_UNUSABLE", "no key")


def shapes_of(collection, keys=None):
    stored = Stored(collection)
    return CollectionShapes(collections=stored, schemas=None, keys=keys), stored


async def test_an_old_shape_that_is_forgotten_leaves_the_one_in_its_place():
    shapes, stored = shapes_of(PLAIN)
    old = await shapes.known(KEY)
    stored.collection = replace(PLAIN, revision=2)
    new = await shapes.get(KEY)
    shapes.forget(old)
    assert shapes.kept(KEY) is new
    shapes.forget(new)
    assert shapes.kept(KEY) is None


async def test_who_asks_at_the_same_time_is_given_the_same_shape():
    keys = Held()
    shapes, _ = shapes_of(SEALED, keys)
    asking = [asyncio.create_task(shapes.get(KEY)) for _ in range(2)]
    for _ in asking:
        await keys.asked.acquire()
    keys.told.set()
    first, second = await asyncio.gather(*asking)
    assert first is second


@pytest.mark.parametrize("forget", [CollectionShapes.forget, lambda shapes, _: shapes.forget_all()])
async def test_a_shape_without_keys_may_be_forgotten_while_keys_are_asked_for(forget):
    keys = Held()
    shapes, _ = shapes_of(SEALED, keys)
    keys.told.set()
    without = await shapes.get(KEY)
    await keys.asked.acquire()
    keys.told.clear()
    again = asyncio.create_task(shapes.get(KEY))
    await keys.asked.acquire()
    forget(shapes, without)
    keys.told.set()
    assert (await again).collection == SEALED
