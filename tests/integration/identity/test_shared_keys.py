"""Signing keys that machines have in common, on each database."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from blrcs.database.repositories.settings import stored
from blrcs.database.statement import Statement
from blrcs.database.tables import settings
from blrcs.domain.key_schedule import KeyState
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_store import KeyStore, put_setting
from blrcs.encryption.local_master_key import FileMasterKey
from blrcs.encryption.master_key import MasterKeys
from blrcs.encryption.sealer import Sealer
from blrcs.encryption.stored_key import SIGNING_KEYS
from blrcs.security.key_directory import KeyDirectory
from blrcs.security.key_ring import KeyRing
from blrcs.security.shared_keys import SETTING, SharedKeys
from tests.unit.application.identity_fakes import MINUTE_NS, FakeClock

OVERLAP_NS = 10 * MINUTE_NS
REMOVE = Statement(sa.delete(settings).where(settings.c.key == SETTING))


class Machine:
    """A directory, and what keeps it at the keys of all."""

    def __init__(self, folder, database, clock):
        folder.mkdir()
        masters = MasterKeys(FileMasterKey(folder.parent / "encryption_key"))
        keys = DataKeys(KeyStore(database), masters, clock)
        self.clock = clock
        self.directory = KeyDirectory(folder, overlap_ns=OVERLAP_NS)
        self.shared = SharedKeys(self.directory, database, Sealer(keys, SIGNING_KEYS), clock)

    def rotate(self):
        now_ns = self.clock()
        return self.directory.rotate(now_ns, sign_time_ns=now_ns + MINUTE_NS).kid

    def retire(self, kid):
        self.directory.retire(kid, self.clock(), force=True)

    @property
    def schedule(self):
        return self.directory.read().schedule

    @property
    def state(self):
        """Of each key; its private half is there as long as it is good for anything."""
        found = self.directory.read()
        assert {key.kid for key in found.schedule.keys if not key.is_retired} == {*found.by_kid}
        now_ns = self.clock()
        return {key.kid: found.schedule.state(key, now_ns) for key in found.schedule.keys}

    @property
    def signer(self):
        return KeyRing(self.directory, clock=self.clock).signer().kid


@pytest.fixture
async def database(store):
    async with store.open() as (database, _):
        yield database


@pytest.fixture
def clock():
    clock = FakeClock()
    # The first key's time is its file's.
    clock.now_ns = time.time_ns() + MINUTE_NS
    return clock


@pytest.fixture
def machines(tmp_path, database, clock):
    return [Machine(tmp_path / name, database, clock) for name in ("one", "other")]


async def settle(machines):
    """Until all know of all."""
    for machine in (*machines, *machines):
        await machine.shared.settle()


async def test_a_machine_that_comes_has_the_keys_that_there_are(machines):
    one, other = machines
    await one.shared.settle()
    await other.shared.settle()
    assert other.state == one.state
    assert other.signer == one.signer
    (kid,) = one.state
    assert not (other.directory.path.parent / "signing_key.pem").exists()
    assert one.state == {kid: KeyState.ACTIVE}


async def test_nothing_is_in_the_database_but_what_is_sealed(machines, database):
    one, _ = machines
    await one.shared.settle()
    sealed = await stored(database, SETTING)
    key = one.directory.read().by_kid[one.signer]
    assert key.private_key.private_bytes_raw().hex().encode() not in sealed


async def test_a_rotation_on_one_machine_is_one_on_all(machines, clock):
    one, other = machines
    await settle(machines)
    (first,) = one.state
    added = other.rotate()
    await settle(machines)
    assert one.state == other.state == {first: KeyState.ACTIVE, added: KeyState.NEXT}
    clock.advance(MINUTE_NS)
    assert one.signer == other.signer == added
    clock.advance(OVERLAP_NS + MINUTE_NS)
    last = one.rotate()
    await settle(machines)
    assert {*one.state} == {*other.state} == {added, last}


async def test_a_key_that_is_retired_on_one_machine_is_gone_on_all(machines):
    one, other = machines
    await settle(machines)
    (first,) = one.state
    one.retire(first)
    await settle(machines)
    assert other.state == one.state
    assert other.state[first] is KeyState.RETIRED
    assert not (other.directory.path / f"{first}.pem").exists()
    assert other.signer != first


@pytest.mark.parametrize("at_once", [False, True])
async def test_what_machines_change_at_the_same_time_all_of_it_counts(machines, at_once):
    one, other = machines
    if at_once:
        await asyncio.gather(*(each.shared.settle() for each in machines))
    else:
        # Each had keys of its own before they came to share them.
        for each in machines:
            each.directory.make()
    await settle(machines)
    assert one.state == other.state
    before = {*one.state}
    # Of two that begin at once one may be quicker, and the other takes its key.
    assert len(before) in ({1, 2} if at_once else {2})
    made = {each.rotate() for each in machines}
    await settle(machines)
    assert one.state == other.state
    assert {*one.state} == before | made


async def test_two_machines_that_retire_each_others_key_have_another_one(machines):
    one, other = machines
    await settle(machines)
    (first,) = one.state
    for each in machines:
        each.retire(first)
    seconds = [each.signer for each in machines]
    await settle(machines)
    assert {*one.state} == {first, *seconds}
    one.directory.retire(seconds[0], one.clock(), force=True)
    other.directory.retire(seconds[1], other.clock(), force=True)
    await settle(machines)
    assert one.state == other.state
    assert one.signer == other.signer
    assert one.signer not in {first, *seconds}


async def test_a_database_that_says_nothing_new_changes_nothing(machines):
    one, _ = machines
    await one.shared.settle()
    before = one.directory.read()
    stamp = one.directory.stamp()
    await one.shared.settle()
    assert one.directory.stamp() == stamp
    assert one.directory.read().schedule == before.schedule


async def test_why_keys_cannot_be_shared_is_told_once(machines, database, clock):
    one, other = machines
    await settle(machines)
    before = one.state
    async with changed(database, SETTING, lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with capture_logs() as lines:
            for _ in range(3):
                await one.shared.keep()
        assert [line["event"] for line in lines] == ["signing keys cannot be shared"]
        assert "altered" in lines[0]["problem"]
        assert one.state == before
        (one.directory.path / "keys.json").write_text("nonsense")
    with capture_logs() as lines:
        await one.shared.keep()
    assert "is no manifest of keys" in lines[0]["problem"]

    (one.directory.path / "keys.json").unlink()
    with capture_logs() as lines:
        await one.shared.keep()
        await other.shared.keep()
    assert [line["event"] for line in lines] == ["signing keys are shared again"]


async def test_keys_that_are_gone_from_the_database_come_back(machines, database):
    one, other = machines
    await settle(machines)
    before = one.state
    await database.run(lambda each: each.execute(REMOVE))
    await settle(machines)
    assert one.state == other.state == before
    assert await stored(database, SETTING) is not None


@asynccontextmanager
async def changed(database, name, change):
    """While a setting is another one."""
    before = await stored(database, name)
    await database.run(lambda each: put_setting(each, name, change(before)))
    yield
    await database.run(lambda each: put_setting(each, name, before))
