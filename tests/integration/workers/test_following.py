"""What another machine has stored is noticed, however long the database was out of reach."""

from pathlib import Path
from typing import Any

import pytest

from blrcs.database.adapter import Transaction
from blrcs.database.errors import unavailable
from blrcs.database.repositories.revocation import RevocationRepository, Revoke
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.domain.errors import UnavailableError
from blrcs.domain.revocation import Revocation
from tests.unit.application.identity_fakes import FakeClock

HOUR_NS = 3_600_000_000_000


class Recording:
    """A revoker that notes what it is told."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()

    def revoke_sessions(self, session_ids: list[str], *, expires_at_ns: int) -> None:
        self.revoked.update(session_ids)

    restore_sessions = revoke_sessions

    def revoke(self, revocation: Revocation) -> None:
        self.revoked.add(revocation.name)

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
        clock.advance(HOUR_NS)
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
                clock.advance(HOUR_NS)
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


async def test_a_token_whose_revocation_had_to_wait_is_refused_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "blrcs.db"
    clock = FakeClock()
    seen = Recording()
    async with SqliteAdapter(SqliteDatabase.open(path), path) as database:
        here, there = [
            RevocationRepository(
                database, database.reader, revoker=each, clock=clock, token_ttl_ns=24 * HOUR_NS
            )
            for each in (seen, Recording())
        ]
        run = database.run

        async def wait(*arguments: Any, **named: Any) -> Any:
            monkeypatch.undo()
            clock.advance(HOUR_NS)
            await here.catch_up()
            return await run(*arguments, **named)

        monkeypatch.setattr(database, "run", wait)
        now_ns = clock()
        await there.add(
            Revocation(
                kind="token",
                issuer="issuer",
                name="t1",
                time_ns=now_ns,
                expire_time_ns=now_ns + 24 * HOUR_NS,
            )
        )
        await here.catch_up()
        assert seen.revoked == {"t1"}
