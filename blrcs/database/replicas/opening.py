"""Opens the replicas of a database that is open."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.errors import DatabaseOpenError
from blrcs.database.kind import kind_of
from blrcs.database.mysql.dialect import MARIADB
from blrcs.database.pool import PoolLimits, PoolObserver, Unobserved
from blrcs.database.postgresql.dialect import POSTGRESQL
from blrcs.database.replicas.adapter import ReplicatedDatabase
from blrcs.database.replicas.group import ReplicaGroup, ReplicaObserver, ReplicaOptions
from blrcs.database.replicas.mariadb import GtidPositions
from blrcs.database.replicas.monitor import Monitor
from blrcs.database.replicas.position import Positions
from blrcs.database.replicas.postgresql import WalPositions
from blrcs.database.replicas.replica import Replica
from blrcs.database.replicas.samples import Samples

Observe = Callable[[str], PoolObserver]


@asynccontextmanager
async def with_replicas(
    primary: DatabaseAdapter,
    urls: Sequence[str],
    *,
    options: ReplicaOptions,
    observer: ReplicaObserver,
    limits: PoolLimits | None = None,
    observe_pool: Observe | None = None,
) -> AsyncIterator[ReplicatedDatabase]:
    """A database with its replicas for the length of a block; both are closed at its end.

    A replica that cannot be reached keeps nobody from starting: it is tried again.

    Args:
        primary: The database.
        urls: Where its replicas are, of the same kind.
        options: How they are used.
        observer: Is told of them.
        limits: Of each one's pool.
        observe_pool: Gives who is told of a replica's pool.

    Raises:
        DatabaseOpenError: A URL is of no known kind, or there is no way to tell how far replicas
            of such a database have come.
    """
    positions = _positions(primary)
    samples = Samples(options.max_lag_s)
    replicas = [
        Replica(
            name := f"replica{number}",
            partial(kind_of(url).open, url, limits),
            positions,
            samples,
            observe_pool(name) if observe_pool else Unobserved(),
        )
        for number, url in enumerate(urls, start=1)
    ]
    group = ReplicaGroup(replicas, options)
    monitor = Monitor(primary, positions, samples, group, observer, max_lag_s=options.max_lag_s)
    async with AsyncExitStack() as stack:
        database = ReplicatedDatabase(primary, group, positions, monitor, observer)
        stack.push_async_callback(database.close)
        await monitor.start()
        yield database


def _positions(primary: DatabaseAdapter) -> Positions:
    if primary.dialect is POSTGRESQL:
        return WalPositions()
    if primary.dialect is MARIADB:
        return GtidPositions()
    raise DatabaseOpenError("database.replicas", "only PostgreSQL and MariaDB can have them")
