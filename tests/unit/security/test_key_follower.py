import asyncio
from contextlib import suppress

import jwt
import pytest
from structlog.testing import capture_logs

from blrcs.security.key_directory import KeyDirectory
from blrcs.security.key_follower import KeyFollower
from blrcs.security.key_ring import KeyRing
from blrcs_native.tokens.verifier import TokenVerifier
from tests.unit.application.identity_fakes import MINUTE_NS, FakeClock


class World:
    def __init__(self, folder):
        self.clock = FakeClock(2**62)
        self.directory = KeyDirectory(folder, overlap_ns=MINUTE_NS)
        self.ring = KeyRing(self.directory, clock=self.clock)
        self.verifier = TokenVerifier(self.ring.keyset(), issuers=["i"], audiences=["a"])
        self.revoked = []
        self.stored = set()
        self.revoking = asyncio.Event()
        self.fails = 0
        self.elapsed_ns = 0
        self.changes = asyncio.Queue()
        self.follower = KeyFollower(
            self.ring,
            self.verifier,
            directory=self.directory.path,
            revoke=self.revoke,
            watch=self.watch,
            monotonic=lambda: self.elapsed_ns,
            pause_s=0.0,
        )

    async def revoke(self, kid):
        if self.fails:
            self.fails -= 1
            raise OSError("the database is away")
        is_new = kid not in self.stored
        self.revoked.append(kid)
        self.stored.add(kid)
        self.revoking.set()
        return is_new

    async def watch(self, directory):
        assert directory == self.directory.path
        while True:
            change = await self.changes.get()
            self.changes.task_done()
            if change is not None:
                raise change
            yield change

    @property
    def trusted(self):
        return [key.kid for key in self.verifier.keyset]

    def rotate(self, delay_ns=0):
        return self.directory.rotate(self.clock(), sign_time_ns=self.clock() + delay_ns).kid


@pytest.fixture
async def world(tmp_path):
    return World(tmp_path)


async def test_a_key_is_trusted_before_it_signs_and_until_its_tokens_have_expired(world):
    (first,) = world.trusted
    second = world.rotate(MINUTE_NS)
    assert world.follower.look()
    assert not world.follower.look()
    assert world.trusted == [first, second]

    world.clock.advance(2 * MINUTE_NS)
    await world.follower.settle()
    assert world.trusted == [second]
    assert world.revoked == []


async def test_a_retired_key_is_told_of_once_it_could_be(world):
    (first,) = world.trusted
    world.directory.retire(first, world.clock(), force=True)
    world.fails = 1
    with pytest.raises(OSError, match="away"):
        await world.follower.settle()
    assert first not in world.trusted

    await world.follower.settle()
    await world.follower.settle()
    assert world.revoked == [first]


async def test_a_retirement_that_is_stored_is_put_in_force_and_not_told_again(world):
    (first,) = world.trusted
    world.directory.retire(first, world.clock(), force=True)
    world.stored.add(first)
    with capture_logs() as lines:
        await world.follower.settle()
    assert world.revoked == [first]
    assert "signing key retired" not in [line["event"] for line in lines]

    second = world.rotate()
    world.directory.retire(second, world.clock(), force=True)
    with capture_logs() as lines:
        await world.follower.settle()
        await world.follower.settle()
    assert [line["event"] for line in lines].count("signing key retired") == 1


async def test_files_that_cannot_be_read_leave_the_last_keys(world):
    before = world.trusted
    world.rotate()
    (world.directory.path / "keys.json").write_text("nonsense")

    assert not world.follower.look()
    await world.follower.settle()

    assert world.trusted == before
    assert world.ring.signer().kid == before[0]


async def test_it_goes_on_through_failures(world):
    (first,) = world.trusted
    world.directory.retire(first, world.clock(), force=True)
    world.fails = 2
    running = asyncio.create_task(world.follower.run())
    for change in (None, OSError("no watches are left"), None, None):
        world.changes.put_nowait(change)
    await world.revoking.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

    assert world.revoked == [first]


async def test_a_token_with_an_unknown_key_has_it_looked_for_but_not_at_every_one(world):
    token = jwt.encode({}, "x" * 32, headers={"kid": "unknown", "typ": "JWT"})
    world.verifier.verify(token)
    second = world.rotate(MINUTE_NS)
    for elapsed_ns, known in ((999_999, False), (1_000_000, True)):
        world.elapsed_ns = elapsed_ns
        assert world.verifier.verify(token).reason == "TOKEN_KEY_UNKNOWN"
        assert (second in world.trusted) is known
