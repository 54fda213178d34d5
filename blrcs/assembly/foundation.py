"""What all groups of services stand on."""

import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blrcs.application.ports.announcer import STORED, Announcer
from blrcs.application.ports.clock import Clock
from blrcs.assembly.database_url import database_url
from blrcs.assembly.metrics import ServerMetrics
from blrcs.assembly.overload import breaker_rules
from blrcs.config.database import Database
from blrcs.config.redis import Redis
from blrcs.config.settings import Settings
from blrcs.database.adapter import BlockingReader, DatabaseAdapter
from blrcs.database.data_directory import DataDirectory
from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.declared import declared_branches
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.pool import PoolLimits
from blrcs.database.repositories.settings import get_or_make
from blrcs.database.slow_log.file import FILE_NAME, SlowLogFile
from blrcs.database.slow_log.log import SlowLog
from blrcs.database.slow_log.watched import WatchedDatabase, WatchedReader, noting_waits
from blrcs.domain.consistency import PRIMARY
from blrcs.resilience.watching import MakeBreaker, watched_breakers
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.workers.worker import Worker

if TYPE_CHECKING:
    from blrcs.database.replicas.adapter import ReplicatedDatabase
    from blrcs.redis.client import RedisClient

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
    redis: "RedisClient | None" = None
    announcer: Announcer | None = None

    def announce(self) -> None:
        """What other servers go by has been stored: they are told, where there is a way."""
        if self.announcer is not None:
            self.announcer.announce(STORED)


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
    url = database_url(settings)
    if worker is None or worker.first:
        await bring_up_to_date(
            kind_of(url).road(url),
            declared_branches(settings.services.migrations),
            only_check=settings.database.migrate == "check",
        )
    rules = breaker_rules(settings)
    limits = PoolLimits(
        size=settings.database.pool_size,
        overflow=settings.database.pool_overflow,
        timeout_s=settings.database.pool_timeout.ns / NS_PER_S,
        query_timeout_s=settings.database.query_timeout.ns / NS_PER_S,
        breaker=rules,
    )
    database, reader = await stack.enter_async_context(
        open_database(
            url,
            migrate=False,
            limits=limits,
            observer=noting_waits(metrics.pools.observer(PRIMARY)),
        )
    )
    announcer = database.announcer
    consistency_token = None
    if settings.database.replicas:
        database = replicated = await stack.enter_async_context(
            _with_replicas(database, settings.database, limits, metrics)
        )
        consistency_token = replicated.token
    least_ns = settings.database.slow_query.ns
    if least_ns:
        slow = SlowLog(database, SlowLogFile(directory / FILE_NAME), least_ns=least_ns)
        await stack.enter_async_context(slow.running())
        database, reader = WatchedDatabase(database, slow), WatchedReader(reader, slow)
    redis = None
    if settings.redis.url is not None:
        redis, announcer = await _open_redis(
            settings.redis,
            stack,
            insist=worker is None or worker.first,
            breaker_of=None if rules is None else watched_breakers(rules, metrics.circuits),
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
        announcer=announcer if database.is_shared else None,
    )


async def _open_redis(
    settings: Redis, stack: AsyncExitStack, *, insist: bool, breaker_of: MakeBreaker | None
) -> "tuple[RedisClient, Announcer]":
    # Takes long to import, and much memory, for what most servers do not have.
    from blrcs.redis.announcer import Announcer as RedisAnnouncer  # noqa: PLC0415
    from blrcs.redis.client import open_redis  # noqa: PLC0415

    client = await stack.enter_async_context(
        open_redis(settings, insist=insist, breaker_of=breaker_of)
    )
    return client, RedisAnnouncer(client, "stored")


def _with_replicas(
    database: DatabaseAdapter, settings: Database, limits: PoolLimits, metrics: ServerMetrics
) -> "AbstractAsyncContextManager[ReplicatedDatabase]":
    # Who has no replicas does not pay for them.
    from blrcs.database.replicas.group import ReplicaOptions  # noqa: PLC0415
    from blrcs.database.replicas.opening import with_replicas  # noqa: PLC0415

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
