"""What an earlier version has encrypted, on each database.

The server's key wrapped a collection's, and both sealed in the form of version 1.
"""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blrcs.database.repositories.record_lookup import _STORED
from blrcs.database.repositories.record_row import sealed_to_bytes
from blrcs.database.repositories.record_step import _PUT
from blrcs.database.statement import Statement
from blrcs.database.tables import data_keys, record_changes
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.data_key import DataKey, key_id
from blrcs.encryption.key_store import put_setting
from blrcs.encryption.known_master import OLD_KEY_ID
from blrcs.encryption.master_key import MasterKeyError
from blrcs.encryption.place import place
from blrcs.encryption.sealer import Sealer
from blrcs.encryption.stored_key import KeyPurpose
from tests.integration.encryption.test_rotation import FIELDS, SCOPE, UNUSABLE, data, shown
from tests.integration.encryption.tool import all_of, tool
from tests.integration.records.world import World, data_of
from tests.unit.api.refusals import refusal
from tests.unit.application.identity_fakes import FakeClock

RAW = bytes(range(32))
"""A collection's key."""


def sealed(key, text, *names):
    nonce = bytes(12)
    return b"\x01" + key_id(key) + nonce + AESGCM(key).encrypt(nonce, text, place(*names))


async def test_what_an_earlier_version_has_encrypted_is_opened_and_taken_over(store):
    async with World.open(store, FakeClock()) as world:
        await world.collection(**FIELDS)
        await world.create("a", data(1))
    master = bytes.fromhex((store.folder / "encryption_key").read_text())
    async with tool(store) as it:
        stored = await it.database.fetch_one(
            _STORED, of_tenant="acme", of_collection="orders", of_id="a"
        )
        old = {
            path: sealed(RAW, text, "acme", "orders", "a", path)
            for path, text in (("iban", b'"iban 7"'), ("pin", b'"99"'))
        }
        await it.database.execute(_PUT, **{**stored._asdict(), "sealed": sealed_to_bytes(old)})
        wrapped = sealed(master, RAW, "acme", "orders")

        def as_it_was(collection):
            return replace(collection, data_key=wrapped, revision=collection.revision + 1)

        await it.rotation._collections.update(SCOPE, as_it_was)
        async with World.open(store, FakeClock()) as world:
            assert data_of(await world.get("a")) == {**shown(1), "iban": "iban 7"}
        (store.folder / "new").write_text("5a" * 32)
        (store.folder / "new").chmod(0o600)
    async with tool(store, "new", "encryption_key") as it:
        await it.rotation.rotate_master()
    async with tool(store, "new") as it:
        assert DataKey(RAW).id in await it.values_by_key(SCOPE)
        await it.rotation.rotate_data("acme")
        await all_of(it.reencryption.run())
        assert DataKey(RAW).id not in await it.values_by_key(SCOPE)
        assert DataKey(RAW).id in {key.key_id for key in (await it.destroy_unused())[0]}
    async with World.open(store, FakeClock(), encryption={"master_key": "file:new"}) as again:
        assert data_of(await again.get("a")) == {**shown(1), "iban": "iban 7"}


async def test_a_key_that_is_gone_is_not_made_anew_beside_that_of_an_earlier_version(store):
    async with World.open(store, FakeClock()) as world:
        await world.collection(**FIELDS)
        await world.collection("more", **FIELDS)
        await world.create("a", data(1))
        await world.create("b", data(2))
    of = {"of_tenant": "acme", "of_collection": "orders"}

    async def put(it, record_id, values):
        row = await it.database.fetch_one(_STORED, **of, of_id=record_id)
        await it.database.execute(_PUT, **{**row._asdict(), "sealed": values})

    async with tool(store) as it:
        # As an earlier version has left it: it has no keys of this one.
        master = bytes.fromhex((store.folder / "encryption_key").read_text())
        wrapped = sealed(master, RAW, "acme", "orders")
        for each in "ab":
            old = {"iban": sealed(RAW, b'"iban 1"', "acme", "orders", each, "iban")}
            await put(it, each, sealed_to_bytes(old))
        await it.database.execute(Statement(sa.delete(record_changes)))
        await it.database.execute(Statement(sa.delete(data_keys)))
        await it.rotation._collections.update(
            SCOPE, lambda found: replace(found, data_key=wrapped, revision=found.revision + 1)
        )
        # Another collection gets keys, as nothing needs one that is gone.
        await it.keys.prepare(CollectionKey("acme", "more"))
        await it.database.execute(Statement(sa.delete(data_keys)))
    async with World.open(store, FakeClock()) as world, tool(store) as it:
        assert data_of(await world.get("a"))["iban"] == "iban 1"
        await world.create("c", data(3))
        await it.database.execute(
            Statement(sa.delete(data_keys).where(data_keys.c.purpose == KeyPurpose.SEAL.value))
        )
        left = await it.stored()
    async with World.open(store, FakeClock()) as world, tool(store) as it:
        assert await refusal(world.create("d", data(4))) == UNUSABLE
        assert await it.stored() == left


async def test_a_start_with_the_key_of_an_earlier_version_alone(store):
    """Nothing is known of the key but its id."""
    key = store.folder / "encryption_key"
    key.write_text("5a" * 32)
    key.chmod(0o600)
    async with store.open() as (database, _):
        await database.run(lambda it: put_setting(it, OLD_KEY_ID, key_id(b"\x5a" * 32)))
    async with tool(store) as it:
        await Sealer(it.keys, "credentials").seal(["a"], b"seed")
    key.write_text("5b" * 32)
    with pytest.raises(MasterKeyError):
        async with tool(store):
            pass
