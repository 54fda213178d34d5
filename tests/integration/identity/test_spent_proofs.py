"""Proofs of keys that machines remember together."""

import asyncio
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.config.redis import Redis
from blrcs.database.repositories.spent_proofs import StoredSpentProofs
from blrcs.domain.errors import UnauthenticatedError
from blrcs.limits.redis_cells import RedisCells
from blrcs.limits.redis_proofs import RedisSpentProofs
from blrcs.redis.client import RedisClient
from blrcs.redis.url import RedisUrl
from blrcs.security.proofs import MAX_AGE_S, ProofChecker
from blrcs_native.limits.limiter import Limiter
from tests.e2e.test_workers_proofs import ORIGIN, SIGN_IN, proof
from tests.unit.application.identity_fakes import FakeClock

TTL_NS = 122 * 10**9


async def spend(spent, name="a/1", times=8):
    """How often it was taken, of so many times at once."""
    return (await asyncio.gather(*(spent.spend(name, TTL_NS) for _ in range(times)))).count(True)


@pytest.fixture
async def stored(store, clock):
    async with store.open() as (database, _):
        yield StoredSpentProofs(database, clock)


@pytest.fixture
def redis_url(redis_server):
    redis_server.flush()
    return redis_server.url()


async def redis_proofs(url, without):
    client = RedisClient(RedisUrl.parse(url), Redis(command_timeout="1m"))
    cells = RedisCells(client, "proofs", key_prefix="test:", timeout_s=30, retry_s=0.01)
    return RedisSpentProofs(cells, without), client, cells


async def test_the_database_takes_each_once(stored, clock):
    assert await spend(stored) == 1
    assert await spend(stored, "a/2") == 1
    clock.advance(TTL_NS)
    assert await stored.purge() == 2
    assert await spend(stored) == 1


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_redis_takes_each_once_and_the_database_without_it(stored, redis_url):
    for url, name, other in ((redis_url, "a/1", 1), ("redis://127.0.0.1:1", "a/2", 0)):
        spent, client, cells = await redis_proofs(url, stored)
        assert await spend(spent, name) == 1
        await cells.close()
        await client.close()
        assert await spend(stored, name) == other


@pytest.mark.parametrize("ahead_s", [0, 30, 60])
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_it_is_remembered_while_any_clock_has_it_good(store, clock, ahead_s):
    """The clocks of machines agree to within a minute."""
    behind = FakeClock(clock() - (60 - ahead_s) * 10**9)
    ahead = FakeClock(clock() + ahead_s * 10**9)
    key = Ed25519PrivateKey.generate()
    made = proof(key, SIGN_IN, iat=clock() // 10**9 + MAX_AGE_S)
    call = SimpleNamespace(
        method=SimpleNamespace(name=SIGN_IN), metadata=[made], started_ns=0, peer_address=""
    )
    async with store.open() as (database, _):

        def machine(its_clock):
            return ProofChecker(
                Limiter(64, clock=its_clock),
                origins=[ORIGIN],
                clock=its_clock,
                elsewhere=StoredSpentProofs(database, its_clock),
            )

        assert await machine(clock).proven_key(call)
        later_ns = (made_good_until(made) - behind()) // 10**9 * 10**9
        for each in (behind, ahead):
            each.advance(later_ns)
        await StoredSpentProofs(database, ahead).purge()
        with pytest.raises(UnauthenticatedError):
            await machine(behind).proven_key(call)


def made_good_until(made):
    """The last instant at which a machine takes a proof."""
    claims = jwt.decode(made[1], options={"verify_signature": False})
    return (claims["iat"] + MAX_AGE_S) * 10**9
