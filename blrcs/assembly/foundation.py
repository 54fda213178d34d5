"""What all groups of services stand on."""

import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from blrcs.application.ports.clock import Clock
from blrcs.assembly.database_url import database_url
from blrcs.config.settings import Settings
from blrcs.database.adapter import BlockingReader, DatabaseAdapter
from blrcs.database.data_directory import DataDirectory
from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.declared import declared_branches
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.pool import PoolLimits, Unobserved
from blrcs.database.repositories.settings import get_or_make
from blrcs.database.slow_log.file import FILE_NAME, SlowLogFile
from blrcs.database.slow_log.log import SlowLog
from blrcs.database.slow_log.watched import WatchedDatabase, WatchedReader, noting_waits
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.workers.worker import Worker

PAGE_TOKEN_SECRET = "page_token_secret"  # noqa: S105 - the name, not the secret
SECRET_BYTES = 32
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Storage, secrets and time."""

    data_directory: Path
    database: DatabaseAdapter
    reader: BlockingReader
    page_tokens: SignedPageTokens
    secrets: RandomSecretGenerator
    clock: Clock


async def lay_foundation(
    settings: Settings, stack: AsyncExitStack, worker: Worker | None = None
) -> Foundation:
    """Opens what has to be opened; ``stack`` closes it.

    A worker leaves the directory's lock to its supervisor, and the database's migration to the
    first.

    Raises:
        DatabaseOpenError: The data directory or the database cannot be used.
    """
    directory = settings.data_directory
    if worker is None:
        stack.enter_context(DataDirectory.open(directory))
    url = database_url(settings)
    if worker is None or worker.first:
        await bring_up_to_date(
            kind_of(url).road(url),
            declared_branches(settings.services.migrations),
            only_check=settings.database.migrate == "check",
        )
    database, reader = await stack.enter_async_context(
        open_database(
            url,
            migrate=False,
            limits=PoolLimits(
                size=settings.database.pool_size,
                overflow=settings.database.pool_overflow,
                timeout_s=settings.database.pool_timeout.ns / NS_PER_S,
            ),
            observer=noting_waits(Unobserved()),
        )
    )
    if settings.database.slow_query.ns:
        slow = SlowLog(
            database,
            SlowLogFile(directory / FILE_NAME),
            least_ns=settings.database.slow_query.ns,
        )
        await stack.enter_async_context(slow.running())
        database, reader = WatchedDatabase(database, slow), WatchedReader(reader, slow)
    secret = await get_or_make(
        database, PAGE_TOKEN_SECRET, lambda: secrets.token_bytes(SECRET_BYTES)
    )
    return Foundation(
        data_directory=directory,
        database=database,
        reader=reader,
        page_tokens=SignedPageTokens(secret),
        secrets=RandomSecretGenerator(),
        clock=time.time_ns,
    )
