"""Keys in the place of others, while servers run, on each database."""

import asyncio
import contextlib
import itertools

import orjson
import pytest
import sqlalchemy as sa

from blrcs.database.repositories.record_lookup import _STORED
from blrcs.database.repositories.record_step import _PUT
from blrcs.database.statement import Statement
from blrcs.database.tables import data_keys
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.master_key import MasterKeyError
from blrcs.encryption.sealer import Sealer
from blrcs.encryption.stored_key import KeyPurpose, KeyState
from blrcs.v1 import record_pb2
from tests.integration.encryption.tool import all_of, tool
from tests.integration.records.world import ORDERS, World, changing, data_of
from tests.unit.api.refusals import refusal
from tests.unit.application.identity_fakes import FakeClock

SCOPE = CollectionKey("acme", "orders")
FIELDS = {"encrypted_fields": ["iban"], "secret_fields": ["pin"]}
DESTROYED = ("FAILED_PRECONDITION", "ENCRYPTION_KEYS_DESTROYED")

UNUSABLE = ("FAILED_PRECONDITION", "ENCRYPTION_KEY_UNUSABLE")
REMOVE = Statement(sa.delete(data_keys).where(data_keys.c.purpose == sa.bindparam("of_purpose")))


def data(number):
    return {"iban": f"iban {number}", "pin": "1234", "plain": number}


def shown(number):
    return {"iban": f"iban {number}", "plain": number}


@pytest.fixture
async def world(store):
    async with World.open(store, FakeClock()) as world:
        await world.collection(**FIELDS)
        yield world


async def test_after_a_rotation_all_seal_with_the_new_key_at_once(world, store):
    async with World.open(store, FakeClock()) as other, tool(store) as it:
        await world.create("a", data(1))
        await other.get("a")
        (old,) = await it.values_by_key(SCOPE)
        assert await it.rotation.rotate_data("acme") == [SCOPE]
        for number, server in enumerate((world, other)):
            assert data_of(await server.get("a")) == shown(1)
            await server.create(f"new-{number}", data(number))
            assert data_of(await world.get(f"new-{number}")) == shown(number)
            assert data_of(await other.get(f"new-{number}")) == shown(number)
        by_key = await it.values_by_key(SCOPE)
        assert len(by_key) == 2
        # A secret and a field; its change has no others.
        assert by_key[old] == 2
        states = {key.key_id: key.state for key in await it.stored()}
        assert states[old] is KeyState.DECRYPT_ONLY


async def test_what_was_encrypted_is_encrypted_anew_and_nobody_sees_it(world, store):
    ids = [f"r{number}" for number in range(5)]
    for number, each in enumerate(ids):
        await world.create(each, {"iban": "first", "pin": "1234", "plain": number})
    made = [await world.update(each, data(at), ["data.iban"]) for at, each in enumerate(ids)]
    watch = world.watch()
    events = aiter(watch)
    await anext(events)
    async with tool(store) as it:
        (old,) = await it.values_by_key(SCOPE)
        await it.rotation.rotate_data("acme", "orders")
        found = await all_of(it.reencryption.run())
        assert [(each.kept, each.done, each.sealed_anew) for each in found] == [
            ("records", 5, 10),
            ("changes", 10, 20),
        ]
        assert old not in await it.values_by_key(SCOPE)
        assert [await world.get(f"r{number}") for number in range(5)] == made
        gone, needed = await it.destroy_unused()
        assert [key.key_id for key in gone] == [old]
        assert needed == []
        assert all(not key.wrapped for key in await it.stored() if key.key_id == old)
    await world.encryption.look()
    assert [await world.get(f"r{number}") for number in range(5)] == made
    await world.create("last", data(9))
    event = await anext(events)
    assert data_of(event.record) == shown(9)
    watch.cancel()
    async with World.open(store, FakeClock()) as again:
        assert [await again.get(f"r{number}") for number in range(5)] == made


async def test_a_tenant_gets_another_key_that_wraps_all_others(world, store):
    made = await world.create("a", data(1))
    async with tool(store) as it:
        (old,) = [key for key in await it.stored() if key.is_tenants]
        assert await it.rotation.rotate_tenant("acme") == 1
        assert await it.rotation.rotate_tenant("nobody") == 0
        wrapped_by = {key.wrapped_by for key in await it.stored() if not key.is_tenants}
        assert old.key_id.hex() not in wrapped_by
        assert len(wrapped_by) == 1
        await world.collection("more", **FIELDS)
        gone, needed = await it.destroy_unused()
        assert ([key.key_id for key in gone], needed) == ([old.key_id], [])
    await world.encryption.look()
    async with World.open(store, FakeClock()) as again:
        for server in (world, again):
            assert await server.get("a") == made
            await server.create(f"b{id(server)}", data(2))


async def test_a_key_that_is_needed_is_not_destroyed(world, store):
    await world.create("a", data(1))
    async with tool(store) as it:
        await it.rotation.rotate_data("acme")
        gone, needed = await it.destroy_unused()
        assert [key.purpose for key in gone] == [KeyPurpose.WRAP]
        assert [key.purpose for key in needed] == [KeyPurpose.SEAL]
    await world.encryption.look()
    assert data_of(await world.get("a")) == shown(1)


async def test_it_goes_on_where_it_was_stopped(world, store):
    for start in range(0, 450, 50):
        writes = [
            record_pb2.RecordWrite(
                create=record_pb2.CreateRecordRequest(
                    parent=ORDERS, record_id=f"r{number:03}", record=record_pb2.Record()
                )
            )
            for number in range(start, start + 50)
        ]
        for number, write in enumerate(writes, start):
            write.create.record.data.update(data(number))
        await world.batch(*writes)
        # So that their changes have values of their own.
        names = [f"r{number:03}" for number in range(start, start + 50)]
        await world.batch(
            *[record_pb2.RecordWrite(update=changing(each, {}, ["data.none"])) for each in names]
        )
    async with tool(store) as it:
        await it.rotation.rotate_data("acme")
        async with contextlib.aclosing(it.reencryption.run()) as run:
            first = await anext(run)
    assert (first.done, first.total) == (200, 450)
    async with tool(store) as it:
        assert (await it.reencryption.position()).after == "r199"
        found = await all_of(it.reencryption.run())
        assert [each.done for each in found if each.kept == "records"] == [200, 250]
        assert [each.done for each in found if each.kept == "changes"] == [200, 400, 600, 800, 900]
        assert await it.reencryption.position() is None
        assert len(await it.values_by_key(SCOPE)) == 1
        assert sum(each.sealed_anew for each in await all_of(it.reencryption.run())) == 0
    assert data_of(await world.get("r449")) == shown(449)


async def test_after_another_rotation_it_begins_anew(world, store):
    await world.create("a", data(1))
    await world.collection("zoo", **FIELDS)
    await world.create("z", data(2), parent="tenants/acme/collections/zoo")
    async with tool(store) as it:
        await it.rotation.rotate_data("acme")
        async with contextlib.aclosing(it.reencryption.run()) as run:
            async for progress in run:
                if progress.name.endswith("/zoo"):
                    break
        assert await it.reencryption.position() is not None
        await it.rotation.rotate_data("acme", "orders")
        await all_of(it.reencryption.run())
        _, needed = await it.destroy_unused()
        assert not needed
    assert data_of(await world.get("a")) == shown(1)


async def test_a_write_in_between_is_not_lost(world, store, monkeypatch):
    await world.create("a", data(1))
    await world.create("b", data(2))
    async with tool(store) as it:
        await it.rotation.rotate_data("acme")
        put = it.reencryption._put

        async def put_late(collection, kept, puts, position):
            if kept.name == "records":
                assert len(puts) == 2
                await world.update("a", {"iban": "newer"}, ["data.iban"])
                await world.delete("b")
                await world.create("b", data(3))
            await put(collection, kept, puts, position)

        monkeypatch.setattr(it.reencryption, "_put", put_late)
        await all_of(it.reencryption.run())
        assert len(await it.values_by_key(SCOPE)) == 1
    assert data_of(await world.get("a"))["iban"] == "newer"
    assert data_of(await world.get("b")) == shown(3)


async def test_it_ends_where_others_write_all_the_time(world, store, monkeypatch):
    await world.create("a", data(1))
    await world.update("a", data(2), ["data.iban"])
    async with tool(store) as it:
        await it.rotation.rotate_data("acme")
        put, numbers = it.reencryption._put, itertools.count()

        async def put_and_write(*batch):
            await put(*batch)
            number = next(numbers)
            assert number < 10, "it goes on and on"
            await world.create(f"b{number}", data(number))
            await world.update(f"b{number}", data(9), ["data.iban"])

        monkeypatch.setattr(it.reencryption, "_put", put_and_write)
        found = await all_of(it.reencryption.run())
        # Of the changes those two are new that were written after the records' batch.
        assert [(each.kept, each.done, each.total) for each in found] == [
            ("records", 1, 1),
            ("changes", 4, 4),
        ]
        assert len(await it.values_by_key(SCOPE)) == 1


async def test_keys_rotate_under_load(world, store):
    async with World.open(store, FakeClock()) as other, tool(store) as it:
        last = {}
        stop = asyncio.Event()

        async def write(server, name):
            await server.create(name, data(0))
            number = 0
            while not stop.is_set():
                number += 1
                await server.update(name, {"iban": f"{name} {number}"}, ["data.iban"])
                last[name] = f"{name} {number}"
                assert data_of(await server.get(name))["iban"] == last[name]

        async with asyncio.TaskGroup() as group:
            for number, server in enumerate((world, other, world, other)):
                group.create_task(write(server, f"w{number}"))
            for _ in range(3):
                await it.rotation.rotate_data("acme")
                await all_of(it.reencryption.run())
                await it.destroy_unused()
                await world.encryption.look()
                await other.encryption.look()
            stop.set()
        await all_of(it.reencryption.run())
        await it.destroy_unused()
        states = [key.state for key in await it.stored() if key.purpose is KeyPurpose.SEAL]
        assert states == [KeyState.DESTROYED] * 3 + [KeyState.ACTIVE]
        assert len(await it.values_by_key(SCOPE)) == 1
    for name, value in last.items():
        assert data_of(await world.get(name)) == {"iban": value, "plain": 0}


async def test_another_master_key_takes_over(world, store):
    await world.create("a", data(1))
    (store.folder / "new").write_text("5a" * 32)
    (store.folder / "new").chmod(0o600)
    async with tool(store, "new", "encryption_key") as it:
        sealed = await Sealer(it.keys, "credentials").seal(["a"], b"seed")
        assert await it.rotation.rotate_master() == 1
        assert await it.rotation.rotate_master() == 0
    (store.folder / "encryption_key").rename(store.folder / "old")
    with pytest.raises(MasterKeyError, match="is not the key"):
        async with tool(store, "old"):
            pass
    new = {"encryption": {"master_key": "file:new"}}
    async with World.open(store, FakeClock(), **new) as again, tool(store, "new") as it:
        assert data_of(await again.get("a")) == shown(1)
        assert await Sealer(it.keys, "credentials").open(["a"], sealed) == b"seed"
        await again.create("b", data(2))


async def test_a_tenant_is_shredded_and_no_other(world, store):
    await world.create("a", data(1))
    request = {"parent": "tenants/other", "collection_id": "orders"}
    collection = record_pb2.Collection(**FIELDS)
    await world.stub.CreateCollection(
        record_pb2.CreateCollectionRequest(**request, collection=collection)
    )
    others = "tenants/other/collections/orders"
    kept = await world.create("a", data(2), others)
    await world.collection("plain")
    await world.create("a", {"plain": 1}, f"{ORDERS[:-6]}plain")
    async with World.open(store, FakeClock()) as other, tool(store) as it:
        await other.get("a")
        before = [key.wrapped for key in await it.stored() if key.scope.tenant == "acme"]
        assert await it.shred("acme") == 2
        assert await it.shred("acme") == 0
        assert all(not key.wrapped for key in await it.stored() if key.scope.tenant == "acme")
        assert len(before) == 2
        # Nobody has looked yet.
        assert await refusal(other.create("b", data(2))) == DESTROYED
        assert await refusal(other.update("a", data(2))) == DESTROYED
        for server in (world, other):
            await server.encryption.look()
            assert await refusal(server.get("a")) == DESTROYED
            name = f"{ORDERS}/records/a"
            masked = record_pb2.GetRecordRequest(name=name, read_mask={"paths": ["data.plain"]})
            assert await refusal(server.stub.GetRecord(masked)) == DESTROYED
            plain = record_pb2.CountRecordsRequest(parent=ORDERS, filter="data.plain = 1")
            assert (await server.stub.CountRecords(plain)).count == 1
            assert await refusal(server.create("b", data(2))) == DESTROYED
            assert await refusal(server.collection("more", **FIELDS)) == DESTROYED
            found = record_pb2.GetRecordRequest(name=f"{others}/records/a")
            assert await server.stub.GetRecord(found) == kept
        assert await all_of(it.reencryption.run()) != []
        await other.delete("a")
    async with World.open(store, FakeClock()) as again:
        assert await refusal(again.create("b", data(2))) == DESTROYED
        assert data_of(await again.create("b", {"plain": 1})) == {"plain": 1}


async def test_a_tenant_without_keys_is_shredded_for_ever(world, store):
    async with tool(store) as it:
        assert await it.shred("nobody") == 0
        await it.shred("nobody")
    request = {"parent": "tenants/nobody", "collection_id": "orders"}
    collection = record_pb2.Collection(**FIELDS)
    call = world.stub.CreateCollection(
        record_pb2.CreateCollectionRequest(**request, collection=collection)
    )
    assert await refusal(call) == DESTROYED


@pytest.mark.parametrize("removed", [KeyPurpose.SEAL, KeyPurpose.INDEX, KeyPurpose.WRAP])
async def test_no_key_is_made_in_the_place_of_one_that_is_gone(store, removed):
    async with World.open(store, FakeClock()) as world:
        await world.collection(encrypted_fields=["iban"], indexes=[{"path": "iban"}])
        await world.create("a", {"iban": "DE1"})
    async with tool(store) as it:
        await it.database.execute(REMOVE, of_purpose=removed.value)
        left = await it.stored()
    async with World.open(store, FakeClock()) as world, tool(store) as it:
        assert await refusal(world.create("b", {"iban": "DE2"})) == UNUSABLE
        assert await refusal(world.get("a")) == UNUSABLE
        if removed is not KeyPurpose.INDEX:  # which is not rotated
            with pytest.raises(FailedPreconditionError):
                await it.rotation.rotate_data("acme", "orders")
        assert await it.stored() == left


async def test_where_nothing_is_encrypted_a_key_that_is_gone_is_made_anew(store):
    async with World.open(store, FakeClock()) as world:
        await world.collection(encrypted_fields=["iban"], indexes=[{"path": "iban"}])
        await world.create("a", {"plain": 1})
    async with World.open(store, FakeClock()) as world, tool(store) as it:
        await it.database.execute(REMOVE, of_purpose=KeyPurpose.SEAL.value)
        await it.database.execute(REMOVE, of_purpose=KeyPurpose.INDEX.value)
        await world.create("b", {"iban": "DE2"})
        assert data_of(await world.get("b")) == {"iban": "DE2"}


async def test_what_cannot_be_opened_stays_and_is_told(world, store):
    await world.create("a", data(1))
    await world.create("b", data(2))
    of = {"of_tenant": "acme", "of_collection": "orders"}
    async with tool(store) as it:
        a = await it.database.fetch_one(_STORED, **of, of_id="a")
        b = await it.database.fetch_one(_STORED, **of, of_id="b")
        await it.database.execute(_PUT, **{**b._asdict(), "sealed": a.sealed})
        await it.rotation.rotate_data("acme")
        found = await all_of(it.reencryption.run())
        assert [each.refused for each in found] == [(f"{ORDERS}/records/b",)]
        after = await it.database.fetch_one(_STORED, **of, of_id="b")
        assert orjson.loads(after.sealed) == orjson.loads(a.sealed)
        assert len((await it.destroy_unused())[1]) == 1
    assert data_of(await world.get("a")) == shown(1)
