"""What all groups of services stand on."""

import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from blrcs.application.ports.clock import Clock
from blrcs.config.settings import Settings
from blrcs.database.data_directory import DataDirectory
from blrcs.database.settings_repository import get_or_make
from blrcs.database.sqlite import SqliteDatabase
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.secret_generator import RandomSecretGenerator

DATABASE_FILE = "blrcs.db"
PAGE_TOKEN_SECRET = "page_token_secret"  # noqa: S105 - the name, not the secret
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Storage, secrets and time."""

    data_directory: Path
    database: SqliteDatabase
    page_tokens: SignedPageTokens
    secrets: RandomSecretGenerator
    clock: Clock


async def lay_foundation(settings: Settings, stack: AsyncExitStack) -> Foundation:
    """Opens what has to be opened; ``stack`` closes it.

    Raises:
        DatabaseOpenError: The data directory or its database cannot be used.
    """
    directory = stack.enter_context(DataDirectory.open(settings.data_directory))
    database = await stack.enter_async_context(SqliteDatabase.open(directory.path / DATABASE_FILE))
    secret = await get_or_make(
        database, PAGE_TOKEN_SECRET, lambda: secrets.token_bytes(SECRET_BYTES)
    )
    return Foundation(
        data_directory=directory.path,
        database=database,
        page_tokens=SignedPageTokens(secret),
        secrets=RandomSecretGenerator(),
        clock=time.time_ns,
    )
