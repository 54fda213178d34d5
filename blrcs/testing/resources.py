"""What a server has for its services, for a test."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from blrcs.application.ports.clock import Clock
from blrcs.config.cache import Cache
from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.declared import declared_branches
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.resources.local import local_resources
from blrcs.resources.own_directories import OwnDirectories
from blrcs.resources.server_resources import ServerResources


@asynccontextmanager
async def temporary_resources(
    *,
    migrations: Mapping[str, str | Path] | None = None,
    database_url: str | None = None,
    cache: Cache | None = None,
    clock: Clock = time.time_ns,
) -> AsyncIterator[ServerResources]:
    """Resources for the length of a block: a cache in memory, limits without rules.

    Args:
        migrations: Packages or folders with migrations by the name of their branch, as in
            ``services.migrations``; they are run first.
        database_url: Which database; None for a SQLite file that is deleted at the end.
        cache: The bounds of the cache.
        clock: Wall-clock nanoseconds, also for the entries that the cache tells of.

    Raises:
        DatabaseOpenError: The database cannot be opened or migrated.
    """
    with TemporaryDirectory(prefix="blrcs-testing-") as folder:
        url = database_url or f"sqlite:///{folder}/blrcs.db"
        branches = declared_branches({name: str(at) for name, at in (migrations or {}).items()})
        await bring_up_to_date(kind_of(url).road(url), branches)
        with closing(OwnDirectories(Path(folder))) as own_directories:
            async with open_database(url, migrate=False) as (database, _):
                yield local_resources(
                    database, own_directory=own_directories, cache=cache, clock=clock
                )
