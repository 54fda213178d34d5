"""What all groups of services stand on."""

import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from blrcs.application.ports.clock import Clock
from blrcs.assembly.metrics import ServerMetrics
from blrcs.config.database import Database
from blrcs.config.settings import Settings
from blrcs.database.adapter import BlockingReader, DatabaseAdapter
from blrcs.database.data_directory import DataDirectory
from blrcs.database.kind import open_database
from blrcs.database.pool import PoolLimits
from blrcs.database.replicas.adapter import ReplicatedDatabase
from blrcs.database.replicas.group import ReplicaOptions
from blrcs.database.replicas.opening import with_replicas
from blrcs.database.replicas.reads import PRIMARY
from blrcs.database.repositories.settings import get_or_make
from blrcs.database.sqlite.kind import file_url
from blrcs.redis.announcer import Announcer
from blrcs.redis.client import RedisClient, open_redis
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.workers.worker import Worker

DATABASE_FILE = "blrcs.db"
PAGE_TOKEN_SECRET = "page_token_secret"  # noqa: S105 - the name, not the secret
SECRET_BYTES = 32
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Storage, secrets and time.

    Attributes:
        consistency_token: Stands for all that was written; None where there are no replicas.
    """

    data_directory: Path
    database: DatabaseAdapter
    reader: BlockingReader
    consistency_token: Callable[[], Awaitable[str]] | None
    page_tokens: SignedPageTokens
    secrets: RandomSecretGenerator
    clock: Clock
    redis: RedisClient | None = None
    announcer: Announcer | None = None

    def announce(self) -> None:
        """What other servers go by has been stored: they are told, where there is a way."""
        if self.announcer is not None:
            self.announcer.announce()


def database_url(settings: Settings) -> str:
    """Where everything is kept that is not a file."""
    if settings.database.url is None:
        return file_url(settings.data_directory / DATABASE_FILE)
    return settings.database.url.get_secret_value()


async def lay_foundation(
    settings: Settings,
    stack: AsyncExitStack,
    worker: Worker | None = None,
    *,
    metrics: ServerMetrics,
) -> Foundation:
    """Opens what has to be opened; ``stack`` closes it, and ``metrics`` tells of it.

    A worker leaves the directory's lock to its supervisor, and the database's migration to the
    first.

    Raises:
        DatabaseOpenError: The data directory or the database cannot be used.
        RedisOpenError: There is to be a Redis, and it cannot be used.
    """
    directory = settings.data_directory
    if worker is None:
        stack.enter_context(DataDirectory.open(directory))
    limits = PoolLimits(
        size=settings.database.pool_size,
        overflow=settings.database.pool_overflow,
        timeout_s=settings.database.pool_timeout.ns / NS_PER_S,
    )
    database, reader = await stack.enter_async_context(
        open_database(
            database_url(settings),
            migrate=worker is None or worker.first,
            limits=limits,
            observer=metrics.pools.observer(PRIMARY),
        )
    )
    consistency_token = None
    if settings.database.replicas:
        database = replicated = await stack.enter_async_context(
            _with_replicas(database, settings.database, limits, metrics)
        )
        consistency_token = replicated.token
    redis = None
    if settings.redis.url is not None:
        redis = await stack.enter_async_context(
            open_redis(settings.redis, insist=worker is None or worker.first)
        )
    secret = await get_or_make(
        database, PAGE_TOKEN_SECRET, lambda: secrets.token_bytes(SECRET_BYTES)
    )
    return Foundation(
        data_directory=directory,
        database=database,
        reader=reader,
        consistency_token=consistency_token,
        page_tokens=SignedPageTokens(secret),
        secrets=RandomSecretGenerator(),
        clock=time.time_ns,
        redis=redis,
        announcer=Announcer(redis, "stored") if redis and database.is_shared else None,
    )


def _with_replicas(
    database: DatabaseAdapter, settings: Database, limits: PoolLimits, metrics: ServerMetrics
) -> AbstractAsyncContextManager[ReplicatedDatabase]:
    return with_replicas(
        database,
        [url.get_secret_value() for url in settings.replicas],
        options=ReplicaOptions(
            policy=settings.replica_policy, max_lag_s=settings.replica_max_lag.ns / NS_PER_S
        ),
        observer=metrics.replicas,
        limits=limits,
        observe_pool=metrics.pools.observer,
    )
