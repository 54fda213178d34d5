"""Writes to a collection that others change meanwhile."""

import asyncio

import pytest

from blrcs.application.collections.collection_shapes import NO_KEYS, CollectionShape
from blrcs.application.ports.records import CollectionChangedError
from blrcs.application.records import record_writer
from blrcs.application.records.record_writer import ATTEMPTS, RecordWriter
from blrcs.domain.collection import Collection
from blrcs.domain.deadline import call_deadline_ns, expect_within
from blrcs.domain.errors import AbortedError, InvalidArgumentError
from blrcs.domain.record_name import CollectionKey

KEY = CollectionKey("acme", "orders")


class Shapes:
    """A collection that is another one whenever it is asked for."""

    async def known(self, key):
        return self._shape(key)

    async def get(self, key):
        return self._shape(key)

    def forget(self, shape):
        pass

    def _shape(self, key):
        return CollectionShape(
            Collection(key=key, create_time_ns=0, update_time_ns=0), None, (), NO_KEYS
        )


class Records:
    """Refuses so many writes by what the collection was."""

    def __init__(self, refused, error=CollectionChangedError):
        self.refused = refused
        self.error = error
        self.attempts = 0

    async def write(self, collection, writes, *, now_ns):
        del collection, writes, now_ns
        self.attempts += 1
        if self.attempts <= self.refused:
            raise self.error
        return ["written"]


class Signal:
    def tell(self, parent, record_ids):
        pass


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """How long was waited, which takes no time."""
    waited = []

    async def sleep(pause_s):
        waited.append(pause_s)

    monkeypatch.setattr(record_writer.asyncio, "sleep", sleep)
    monkeypatch.setattr(record_writer.random, "uniform", lambda _, most: most)
    return waited


def writing(records):
    writer = RecordWriter(
        shapes=Shapes(), records=records, images=None, sealer=None, signal=Signal(), clock=lambda: 0
    )
    return writer(KEY, lambda planner: [])


@pytest.mark.parametrize("error", [CollectionChangedError, InvalidArgumentError("data", "schema")])
async def test_a_write_outlasts_many_changes_of_its_collection(error, pauses):
    records = Records(refused=ATTEMPTS - 1, error=error)
    assert await writing(records) == ["written"]
    assert pauses[:5] == [0, 0.01, 0.03, 0.07, 0.15]
    assert max(pauses) == 0.5


async def test_without_a_deadline_it_ends_some_time_and_speaks_of_no_etag():
    records = Records(refused=ATTEMPTS)
    with pytest.raises(AbortedError) as caught:
        await writing(records)
    assert (caught.value.reason, caught.value.metadata["resource"]) == (
        "COLLECTION_CHANGED",
        KEY.name,
    )
    assert records.attempts == ATTEMPTS


async def test_who_does_not_wait_so_long_is_told_before():
    async def within(seconds):
        expect_within(seconds)
        return await writing(records)

    records = Records(refused=ATTEMPTS)
    with pytest.raises(AbortedError, match="changed in between") as caught:
        await asyncio.create_task(within(0))
    assert (caught.value.reason, records.attempts) == ("COLLECTION_CHANGED", 1)
    assert call_deadline_ns.get() is None
