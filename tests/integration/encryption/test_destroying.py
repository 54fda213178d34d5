"""Keys that are destroyed while somebody still seals with them, on each database."""

import asyncio

import pytest
import sqlalchemy as sa

from blrcs.application.auth.prove_second_factor import totp_context
from blrcs.database.adapter import Isolation
from blrcs.database.repositories.key_use import SERVER, KeyDestroyedError, holding
from blrcs.database.repositories.second_factor import SqlSecondFactorRepository
from blrcs.database.statement import Statement
from blrcs.database.tables import totp_secrets
from blrcs.domain.record_name import CollectionKey
from blrcs.domain.second_factor import Challenge, TotpSecret
from blrcs.encryption.key_store import KeyStore
from blrcs.encryption.retirement import SETTLING_NS, destroy_unused
from blrcs.encryption.sealer import Sealer
from blrcs.encryption.server_values import SCOPE
from blrcs.encryption.stored_key import CREDENTIALS, KeyPurpose, KeyState
from tests.integration.encryption.test_rotation import FIELDS, data
from tests.integration.encryption.test_rotation import SCOPE as ORDERS
from tests.integration.encryption.test_server_values import enrol
from tests.integration.encryption.tool import all_of, tool
from tests.integration.records.world import World
from tests.unit.application.identity_fakes import FakeClock

NOW_NS = 2 * SETTLING_NS
HELD_UP_S = 0.3
ADD_TOTP = Statement(sa.insert(totp_secrets))


class Interrupted:
    """A database on which something happens just before the first transaction begins."""

    def __init__(self, database, before):
        self._database = database
        self._before = before

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def run(self, operation, **options):
        before, self._before = self._before, None
        if before is not None:
            await before()
        return await self._database.run(operation, **options)


async def rotated(it):
    """The id of the key that the server sealed with before."""
    await enrol(it, "alice")
    (old,) = await it.server_values_by_key()
    await it.rotation.rotate_data(SERVER)
    await all_of(it.reencryption.run())
    return old


async def state_of(it, key_id):
    (found,) = [key.state for key in await it.stored() if key.key_id == key_id]
    return found


async def test_a_key_is_looked_for_where_it_is_destroyed(store):
    async with tool(store) as it, tool(store) as late:
        await Sealer(late.keys, CREDENTIALS).seal(totp_context("x"), b"x")
        old = await rotated(it)

        async def seal_with_the_old_one():
            await enrol(late, "bob")

        database = Interrupted(it.database, seal_with_the_old_one)
        _, needed = await destroy_unused(database, NOW_NS)
        assert [key.key_id for key in needed] == [old]
        assert await state_of(it, old) is KeyState.DECRYPT_ONLY


async def test_who_destroys_waits_for_who_has_sealed_and_not_committed(store):
    async with tool(store) as it, tool(store) as late:
        sealed = await Sealer(late.keys, CREDENTIALS).seal(totp_context("alice"), b"late")
        old = await rotated(it)
        drop = Statement(sa.delete(totp_secrets))
        async with late.database.transaction(isolation=Isolation.READ_COMMITTED) as transaction:
            await holding(sealed)(transaction)
            await transaction.execute(drop)
            await transaction.execute(
                ADD_TOTP, user_id="alice", sealed=sealed, last_step=7, created_at_ns=1
            )
            destroying = asyncio.ensure_future(destroy_unused(it.database, NOW_NS))
            await asyncio.wait({destroying}, timeout=HELD_UP_S)
            assert not destroying.done()
        _, needed = await destroying
        assert [key.key_id for key in needed] == [old]


async def test_nothing_is_kept_that_a_destroyed_key_has_sealed(store):
    async with tool(store) as it, tool(store) as late:
        sealed = await Sealer(late.keys, CREDENTIALS).seal(totp_context("alice"), b"late")
        old = await rotated(it)
        gone, _ = await destroy_unused(it.database, NOW_NS)
        assert old in [key.key_id for key in gone]
        factors = SqlSecondFactorRepository(late.database, None)
        before = await factors.of_user("alice")
        secret = TotpSecret(user_id="alice", sealed=sealed, last_step=9, create_time_ns=2)
        challenge = Challenge(purpose="enrol", id=b"c" * 16, user_id="alice", expire_time_ns=NOW_NS)
        with pytest.raises(KeyDestroyedError):
            await factors.enrol_totp(secret, recovery_hashes=[b"r" * 32], challenge=challenge)
        assert await factors.of_user("alice") == before


async def test_a_key_that_wraps_one_just_made_is_not_destroyed(store):
    async with tool(store) as it:
        scope = CollectionKey("acme", "orders")
        await it.keys.prepare(scope)
        wrapping = await it.keys.wrapping_key(scope)
        await it.rotation.rotate_tenant("acme")
        keys = KeyStore(it.database)
        made = it.keys.new_key(CollectionKey("acme", "more"), KeyPurpose.SEAL, 1, wrapping)

        async def add():
            assert await keys.add(made)

        gone, _ = await destroy_unused(Interrupted(it.database, add), NOW_NS)
        assert gone == []
        assert await it.rotation.rotate_tenant("acme") == 2
        gone, _ = await destroy_unused(it.database, NOW_NS)
        assert len(gone) == 2
        other = it.keys.new_key(CollectionKey("acme", "other"), KeyPurpose.SEAL, 1, wrapping)
        assert not await keys.add(other)


async def test_what_is_encrypted_anew_has_the_keys_in_force(store, monkeypatch):
    async with World.open(store, FakeClock()) as world, tool(store) as it, tool(store) as other:
        await world.collection(**FIELDS)
        await world.create("a", data(1))
        await it.rotation.rotate_data("acme")
        ring, rotations = it.keys.ring, []

        async def ring_before_another_rotation(*args, **options):
            found = await ring(*args, **options)
            if not rotations:
                rotations.append(await other.rotation.rotate_data("acme"))
            return found

        monkeypatch.setattr(it.keys, "ring", ring_before_another_rotation)
        await all_of(it.reencryption.run())
        (key_id,) = await it.values_by_key(ORDERS)
        assert await state_of(it, key_id) is KeyState.ACTIVE
        _, needed = await destroy_unused(it.database, NOW_NS)
        assert needed == []


async def test_the_servers_values_are_encrypted_anew_with_a_key_that_is_there(store, monkeypatch):
    async with tool(store) as it, tool(store) as other:
        await rotated(it)
        ring, rotations = it.keys.ring, []
        await it.rotation.rotate_data(SERVER)

        async def ring_before_it_is_destroyed(*args, **options):
            found = await ring(*args, **options)
            if not rotations:
                rotations.append(await other.rotation.rotate_data(SERVER))
                stale = [key for key in await it.stored() if key.state is KeyState.DECRYPT_ONLY]
                await destroy_unused(other.database, NOW_NS)
                assert await state_of(it, stale[-1].key_id) is KeyState.DESTROYED
            return found

        monkeypatch.setattr(it.keys, "ring", ring_before_it_is_destroyed)
        await all_of(it.reencryption.run())
        (key_id,) = await it.server_values_by_key(SCOPE)
        assert await state_of(it, key_id) is KeyState.ACTIVE
