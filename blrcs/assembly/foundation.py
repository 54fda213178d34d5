"""What all groups of services stand on."""

import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from blrcs.application.ports.clock import Clock
from blrcs.config.settings import Settings
from blrcs.database.adapter import BlockingReader, DatabaseAdapter
from blrcs.database.data_directory import DataDirectory
from blrcs.database.repositories.settings import get_or_make
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.workers.worker import Worker

DATABASE_FILE = "blrcs.db"
PAGE_TOKEN_SECRET = "page_token_secret"  # noqa: S105 - the name, not the secret
SECRET_BYTES = 32


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
        DatabaseOpenError: The data directory or its database cannot be used.
    """
    directory = settings.data_directory
    if worker is None:
        stack.enter_context(DataDirectory.open(directory))
    file = directory / DATABASE_FILE
    first = worker is None or worker.first
    opened = SqliteDatabase.open(file) if first else SqliteDatabase.join(file)
    database = await stack.enter_async_context(SqliteAdapter(opened, file))
    secret = await get_or_make(
        database, PAGE_TOKEN_SECRET, lambda: secrets.token_bytes(SECRET_BYTES)
    )
    return Foundation(
        data_directory=directory,
        database=database,
        reader=database.reader,
        page_tokens=SignedPageTokens(secret),
        secrets=RandomSecretGenerator(),
        clock=time.time_ns,
    )
