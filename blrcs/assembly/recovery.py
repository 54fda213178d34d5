"""Puts together what makes a user administrator without a server."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from blrcs.application.auth.recover_administrator import RecoverAdministrator
from blrcs.assembly.database_url import database_url
from blrcs.config.settings import Settings
from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.pool import PoolLimits
from blrcs.database.repositories.access import SqlAccessRepository
from blrcs.database.repositories.revocation import RevocationRepository
from blrcs.database.repositories.second_factor import SqlSecondFactorRepository
from blrcs.database.repositories.user import SqlUserRepository
from blrcs.security.access_store import AccessStore
from blrcs.security.password_hasher import Argon2PasswordHasher
from blrcs.security.password_tuning import agreed_work
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.security.token_revoker import VerifierRevoker
from blrcs_native.tokens.revocations import Revocations


@asynccontextmanager
async def administrator_recovery(settings: Settings) -> AsyncIterator[RecoverAdministrator]:
    """Works on the database, beside servers that may run on it.

    They take up what is done as they do what other machines have done.

    Raises:
        DatabaseOpenError: The database cannot be used, or is of another version.
    """
    url, auth, clock = database_url(settings), settings.auth, time.time_ns
    await bring_up_to_date(kind_of(url).road(url), only_check=True)
    limits = PoolLimits(size=1)
    async with open_database(url, migrate=False, limits=limits) as (database, reader):
        store = AccessStore(SqlAccessRepository(database, reader), clock=clock)
        store.load()
        revocations = RevocationRepository(
            database,
            reader,
            revoker=VerifierRevoker(Revocations(clock=clock), issuer=auth.issuer),
            clock=clock,
            token_ttl_ns=auth.longest_token_ns,
        )
        password = auth.password
        hasher = Argon2PasswordHasher(
            await agreed_work(
                database,
                target_ns=password.hash_time.ns,
                memory_kib=password.hash_memory // 1024,
            )
        )
        try:
            yield RecoverAdministrator(
                users=SqlUserRepository(database, revocations, store),
                second_factors=SqlSecondFactorRepository(database, revocations),
                rules=store,
                hasher=hasher,
                secrets=RandomSecretGenerator(),
                clock=clock,
            )
        finally:
            hasher.close()
