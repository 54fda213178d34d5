import asyncio
import threading

import argon2
import pytest

from blrcs.domain.errors import ResourceExhaustedError
from blrcs.security.password_hasher import Argon2PasswordHasher
from blrcs.security.password_tuning import HashWork

CHEAP = HashWork(16, 2)


@pytest.fixture
def hasher():
    hasher = Argon2PasswordHasher(CHEAP, workers=1, queue_size=2)
    yield hasher
    hasher.close()


@pytest.fixture
def verified(monkeypatch):
    """The hashes that were compared with something."""
    hashes = []
    verify = argon2.PasswordHasher.verify

    def recording(self, password_hash, password):
        hashes.append(password_hash)
        return verify(self, password_hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", recording)
    return hashes


async def test_verifies_what_it_hashed_and_nothing_else(hasher):
    stored = await hasher.hash("correct horse")

    assert stored.startswith("$argon2id$")
    assert "correct" not in stored
    assert stored != await hasher.hash("correct horse")
    verdict = await hasher.verify(stored, "correct horse")
    assert (verdict.matches, verdict.needs_rehash) == (True, False)
    assert not (await hasher.verify(stored, "correct hors")).matches


async def test_without_a_hash_the_same_work_is_done_and_nothing_matches(hasher, verified):
    stored = await hasher.hash("correct horse")

    await hasher.verify(stored, "wrong")
    verdicts = [await hasher.verify(None, each) for each in ("", "wrong")]

    assert not any(verdict.matches for verdict in verdicts)
    assert len(verified) == 3
    parameters = [argon2.extract_parameters(each) for each in verified]
    assert parameters == [parameters[0]] * 3


@pytest.mark.parametrize("work", [HashWork(8, 2), HashWork(16, 1), HashWork(8, 3)])
async def test_a_hash_of_less_work_should_be_made_anew(hasher, work):
    older = Argon2PasswordHasher(work)
    stored = await older.hash("correct horse")
    older.close()

    right = await hasher.verify(stored, "correct horse")
    wrong = await hasher.verify(stored, "wrong")

    assert (right.matches, right.needs_rehash) == (True, True)
    assert (wrong.matches, wrong.needs_rehash) == (False, False)


@pytest.mark.parametrize("work", [HashWork(32, 1), HashWork(8, 4), HashWork(32, 8)])
async def test_a_hash_of_as_much_or_more_is_left_as_it_is(hasher, work):
    other = Argon2PasswordHasher(work)
    stored = await other.hash("correct horse")
    other.close()

    verdict = await hasher.verify(stored, "correct horse")

    assert (verdict.matches, verdict.needs_rehash) == (True, False)


@pytest.mark.parametrize("kind", [argon2.Type.I, argon2.Type.D])
async def test_a_hash_of_another_kind_should_be_made_anew(hasher, kind):
    stored = argon2.PasswordHasher(9, 64, 1, type=kind).hash("correct horse")

    assert (await hasher.verify(stored, "correct horse")).needs_rehash


@pytest.mark.parametrize("stored", ["", "plain text", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"])
async def test_a_damaged_hash_matches_nothing(hasher, stored):
    assert not (await hasher.verify(stored, "correct horse")).matches


async def test_one_password_typed_in_two_ways_is_one(hasher):
    stored = await hasher.hash("caf\u00e9 au lait")

    assert (await hasher.verify(stored, "cafe\u0301 au lait")).matches


async def test_works_off_the_loop_and_refuses_when_the_queue_is_full(hasher, monkeypatch):
    going_on = threading.Event()
    threads = set()

    def slow(_):
        threads.add(threading.current_thread())
        going_on.wait()
        return "hash"

    monkeypatch.setattr(argon2.PasswordHasher, "hash", lambda _, password: slow(password))
    waiting = [asyncio.create_task(hasher.hash("correct horse")) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(ResourceExhaustedError) as caught:
        await hasher.hash("one more")
    with pytest.raises(ResourceExhaustedError):
        await hasher.verify(None, "one more")

    assert caught.value.reason == "PASSWORD_HASHING_BUSY"
    going_on.set()
    assert await asyncio.gather(*waiting) == ["hash"] * 3
    assert threading.current_thread() not in threads
    assert await hasher.hash("there is room again") == "hash"


async def test_a_cancelled_caller_gives_its_place_back(hasher, monkeypatch):
    going_on = threading.Event()
    monkeypatch.setattr(argon2.PasswordHasher, "hash", lambda *_: going_on.wait() and "hash")
    waiting = [asyncio.create_task(hasher.hash("correct horse")) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting[1:]:
        task.cancel()
    await asyncio.wait(waiting[1:])

    replacing = [asyncio.create_task(hasher.hash("correct horse")) for _ in range(2)]
    await asyncio.sleep(0)
    going_on.set()

    assert await asyncio.gather(waiting[0], *replacing) == ["hash"] * 3


async def test_the_least_work_is_owasps():
    hasher = Argon2PasswordHasher()
    stored = await hasher.hash("correct horse")
    hasher.close()

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
