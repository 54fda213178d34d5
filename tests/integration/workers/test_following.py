"""What another machine has stored is noticed, however long the database was out of reach."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from blrcs.database.adapter import Transaction
from blrcs.database.errors import unavailable
from blrcs.database.repositories.revocation import (
    OVERLAP_NS,
    WHOLE_NS,
    RevocationRepository,
    Revoke,
)
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.domain.errors import UnavailableError
from blrcs.domain.revocation import Revocation, RevokedKind
from tests.unit.application.identity_fakes import FakeClock

HOUR_NS = 3_600_000_000_000
SHORT_NS = OVERLAP_NS + 1_000_000_000
"""More than is looked back at each time, and less than it takes until all are read again."""


class Recording:
    """A revoker that notes what it is told."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()
        self.times_ns: set[int] = set()

    def revoke_sessions(self, session_ids: list[str], *, expires_at_ns: int) -> None:
        self.revoked.update(session_ids)

    restore_sessions = revoke_sessions

    def revoke(self, revocation: Revocation) -> None:
        self.revoked.add(revocation.name)
        self.times_ns.add(revocation.time_ns)

    restore = revoke


async def test_revocations_of_an_outage_are_put_in_force_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "blrcs.db"
    clock = FakeClock()
    seen = Recording()

    async def revoke(transaction: Transaction, revoke: Revoke) -> None:
        await revoke("during")

    async with SqliteAdapter(SqliteDatabase.open(path), path) as database:
        here, there = [
            RevocationRepository(
                database, database.reader, revoker=each, clock=clock, token_ttl_ns=24 * HOUR_NS
            )
            for each in (seen, Recording())
        ]
        await there.write(revoke)
        clock.advance(SHORT_NS)
        with monkeypatch.context() as patched:

            async def fail(*_: object, **__: object) -> None:
                raise unavailable()

            patched.setattr(database, "fetch_all", fail)
            with pytest.raises(UnavailableError):
                await here.catch_up()
        await here.catch_up()
        assert seen.revoked == {"during"}


@pytest.mark.parametrize("waits", [1, 3], ids=["once", "and its correction too"])
async def test_a_revocation_that_had_to_wait_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: int
) -> None:
    path = tmp_path / "blrcs.db"
    clock = FakeClock()
    seen = Recording()
    announced: list[int] = []
    async with SqliteAdapter(SqliteDatabase.open(path), path) as database:
        here, there = [
            RevocationRepository(
                database,
                database.reader,
                revoker=each,
                clock=clock,
                token_ttl_ns=24 * HOUR_NS,
                announce=lambda: announced.append(clock()),
            )
            for each in (seen, Recording())
        ]
        run = database.run
        left = waits

        async def wait(*arguments: Any, **named: Any) -> Any:
            """What is committed is seen as long after it as others have looked past it."""
            nonlocal left
            if left:
                left -= 1
                clock.advance(SHORT_NS)
                await here.catch_up()
            return await run(*arguments, **named)

        async def revoke(transaction: Transaction, revoke: Revoke) -> None:
            await revoke("late")

        monkeypatch.setattr(database, "run", wait)
        await there.write(revoke)
        assert left == 0
        assert seen.revoked == set()
        await here.catch_up()
        assert seen.revoked == {"late"}
        assert announced[-1] == clock()


class Two:
    """Two machines on one database; what one of them commits is seen only when it may be."""

    def __init__(self, database: SqliteAdapter, clock: FakeClock) -> None:
        self.clock = clock
        self.seen, self.own = Recording(), Recording()
        self.here, self.there = [
            RevocationRepository(
                database, database.reader, revoker=each, clock=clock, token_ttl_ns=24 * HOUR_NS
            )
            for each in (self.seen, self.own)
        ]
        self.waits, self.goes_on = asyncio.Event(), asyncio.Event()
        self._run = database.run

    async def run(self, *arguments: Any, **named: Any) -> Any:
        """Stands for the database's own."""
        if not self.waits.is_set():
            self.waits.set()
            await self.goes_on.wait()
        return await self._run(*arguments, **named)

    def revocation(self, kind: RevokedKind) -> Revocation:
        now_ns = self.clock()
        return Revocation(
            kind=kind,
            issuer="issuer",
            name="n1",
            time_ns=now_ns,
            expire_time_ns=now_ns + 24 * HOUR_NS,
        )

    async def look_past(self) -> None:
        """Time goes by, until nobody looks back so far."""
        await self.waits.wait()
        self.clock.advance(SHORT_NS)
        await self.here.catch_up()
        assert self.seen.revoked == set()
        self.goes_on.set()


@pytest.fixture
async def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Two]:
    path = tmp_path / "blrcs.db"
    async with SqliteAdapter(SqliteDatabase.open(path), path) as database:
        found = Two(database, FakeClock())
        monkeypatch.setattr(database, "run", found.run)
        yield found


@pytest.mark.parametrize("kind", ["token", "subject", "key"])
async def test_a_revocation_that_had_to_wait_concerns_the_same_tokens_elsewhere(
    two: Two, kind: RevokedKind
) -> None:
    revocation = two.revocation(kind)
    adding = asyncio.create_task(two.there.add(revocation))
    await two.look_past()
    await adding
    await two.here.catch_up()
    assert two.seen.revoked == {"n1"}
    assert two.seen.times_ns == two.own.times_ns == {revocation.time_ns}
    two.here.load()
    assert two.seen.times_ns == {revocation.time_ns}


@pytest.mark.parametrize("kind", ["token", "subject", "key"])
async def test_a_revocation_that_had_to_wait_is_found_though_nobody_waited_for_it(
    two: Two, kind: RevokedKind
) -> None:
    adding = asyncio.create_task(two.there.add(two.revocation(kind)))
    await two.waits.wait()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    await two.look_past()
    await asyncio.gather(*two.there._running)
    await two.here.catch_up()
    assert two.seen.revoked == {"n1"}


async def test_what_a_machine_stored_late_that_died_is_found_in_the_end(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise unavailable()

    monkeypatch.setattr(two.there, "_have_seen", die)
    adding = asyncio.create_task(two.there.add(two.revocation("token")))
    await two.look_past()
    with pytest.raises(UnavailableError):
        await adding
    await two.here.catch_up()
    assert two.seen.revoked == set()
    # However often it is looked for what is new, all is read in between.
    for _ in range(WHOLE_NS // OVERLAP_NS):
        two.clock.advance(OVERLAP_NS)
        await two.here.catch_up()
    assert two.seen.revoked == {"n1"}


async def test_a_clock_that_was_put_back_has_all_read_at_once(two: Two) -> None:
    two.goes_on.set()
    two.clock.advance(SHORT_NS)
    two.here.load()
    two.clock.advance(-HOUR_NS)
    await two.there.add(two.revocation("token"))
    await two.here.catch_up()
    assert two.seen.revoked == {"n1"}
