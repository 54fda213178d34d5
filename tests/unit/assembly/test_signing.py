import pytest

from blrcs.assembly.signing import assemble_signing, key_ring
from blrcs.config.auth import Auth
from blrcs_native.tokens.verifier import TokenVerifier
from tests.unit.application.identity_fakes import FakeClock

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS


class World:
    """Keys that sign for a day, published ten minutes ahead."""

    def __init__(self, folder, **settings):
        self.settings = Auth(**settings)
        # After the time of the first key's file, whatever the machine's clock says.
        self.clock = FakeClock(2**62)
        ring, directory = key_ring(folder, self.settings, self.clock)
        self.verifier = TokenVerifier(ring.keyset(), issuers=["blrcs"], audiences=["blrcs"])
        self.told = []
        self.signing = assemble_signing(
            ring, directory, self.settings, self.verifier, self, self, self.clock
        )

    def revoke(self, revocation):
        self.told.append(("revoked", revocation))

    async def add_once(self, revocation):
        self.told.append(("stored", revocation))
        return True

    def states(self):
        schedule = self.signing.directory.read().schedule
        return [str(schedule.state(key, self.clock())) for key in schedule.keys]


async def test_a_key_is_followed_by_another_in_time(tmp_path):
    world = World(tmp_path, key_rotation_interval="1d")
    signing = world.signing
    # The first key is as old as its file, which is older than a day by this clock.
    await signing.rotate_if_due()
    assert world.states() == ["active", "next"]
    await signing.rotate_if_due()
    assert world.states() == ["active", "next"]
    assert len(world.verifier.keyset) == 2

    world.clock.advance(24 * HOUR_NS - MINUTE_NS)
    await signing.rotate_if_due()
    assert world.states() == ["expired", "active"]
    world.clock.advance(MINUTE_NS)
    await signing.rotate_if_due()
    assert world.states() == ["active", "next"]
    assert world.told == []


async def test_without_an_interval_nothing_is_rotated(tmp_path):
    world = World(tmp_path)
    await world.signing.rotate_if_due()
    assert world.states() == ["active"]


async def test_a_rotation_that_a_person_began_is_left_alone(tmp_path):
    world = World(tmp_path, key_rotation_interval="1h", key_prepublish="30m")
    world.signing.directory.rotate(world.clock(), sign_time_ns=world.clock() + MINUTE_NS)
    await world.signing.rotate_if_due()
    assert world.states() == ["active", "next"]


async def test_a_retired_key_is_refused_before_that_is_stored(tmp_path):
    world = World(tmp_path)
    (first,) = [key.kid for key in world.verifier.keyset]
    world.signing.directory.retire(first, world.clock(), force=True)
    await world.signing.follower.settle()
    assert [(what, each.kind, each.name) for what, each in world.told] == [
        ("revoked", "key", first),
        ("stored", "key", first),
    ]
    # Whoever has the key could sign with it at any later time.
    assert world.told[0][1].expire_time_ns == 2**63 - 1


@pytest.mark.parametrize("interval", [None, "1d"])
async def test_house_is_kept(tmp_path, interval):
    world = World(tmp_path, key_rotation_interval=interval)
    house = House()
    world.signing.keep_house(house, leads=world.signing.rotate_if_due)
    assert house.running == 1
    expected = [world.signing.follower.settle]
    if interval:
        expected.append(world.signing.rotate_if_due)
    assert house.repeated == expected


class House:
    def __init__(self):
        self.running = 0
        self.repeated = []

    def run(self, work):
        work.close()
        self.running += 1

    def repeat(self, period_s, work):
        assert period_s > 0
        self.repeated.append(work)
