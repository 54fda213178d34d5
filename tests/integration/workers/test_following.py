"""What another machine has stored is noticed, however long the database was out of reach."""

from pathlib import Path

import pytest

from blrcs.database.adapter import Transaction
from blrcs.database.errors import unavailable
from blrcs.database.repositories.revocation import RevocationRepository, Revoke
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.domain.errors import UnavailableError
from tests.unit.application.identity_fakes import FakeClock

HOUR_NS = 3_600_000_000_000


class Recording:
    """A revoker that notes what it is told."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()

    def revoke_sessions(self, session_ids: list[str], *, expires_at_ns: int) -> None:
        self.revoked.update(session_ids)

    restore_sessions = revoke_sessions


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
