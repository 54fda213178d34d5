"""Resources that stand on this process alone."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path

from blrcs.application.ports.clock import Clock
from blrcs.cache.memory import MemoryCache
from blrcs.cache.strategies.metrics import StrategyMetrics
from blrcs.config.cache import Cache
from blrcs.database.adapter import DatabaseAdapter
from blrcs.encryption.data_key import KEY_BYTES
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.encryption_service import EncryptionService
from blrcs.encryption.key_store import KeyStore
from blrcs.encryption.local_master_key import EnvironmentMasterKey
from blrcs.encryption.master_key import MasterKeys
from blrcs.limits.native_limits import NativeLimits
from blrcs.resources.no_database import NoDatabase
from blrcs.resources.own_directories import path_of
from blrcs.resources.server_resources import ServerResources
from blrcs.resources.service_life import ServiceLife
from blrcs.security.access_store import TableDecisions
from blrcs.security.page_tokens import SignedPageTokens
from blrcs_native.access.table import AccessTable
from blrcs_native.limits.limiter import Limiter
from blrcs_native.monitoring.metrics import MetricsBlock

LIMITER_CELLS = 4096
METRICS_CELLS = 131_072
SECRET_BYTES = 32


def local_resources(
    database: DatabaseAdapter,
    *,
    own_directory: Callable[[str], Path],
    cache: Cache | None = None,
    clock: Clock = time.time_ns,
) -> ServerResources:
    """A cache in memory, limits without rules, and nobody who may do anything.

    What is encrypted is so with a master key that everybody knows.

    Args:
        database: See ServerResources.
        own_directory: Likewise.
        cache: The bounds of the cache.
        clock: Wall-clock nanoseconds.
    """
    block = MetricsBlock(METRICS_CELLS)
    nobody = TableDecisions(AccessTable([], [], []), set)
    return ServerResources(
        database=database,
        cache=MemoryCache(cache or Cache(), clock=clock),
        limits=NativeLimits(Limiter(LIMITER_CELLS)),
        decisions=lambda: nobody,
        metrics=block,
        strategy_metrics=StrategyMetrics(block),
        page_tokens=SignedPageTokens(secrets.token_bytes(SECRET_BYTES)),
        encryption=EncryptionService(_known_keys(database, clock)),
        clock=clock,
        own_directory=own_directory,
        life=ServiceLife(),
    )


def _known_keys(database: DatabaseAdapter, clock: Clock) -> DataKeys:
    master = EnvironmentMasterKey("KEY", {"KEY": "00" * KEY_BYTES})
    return DataKeys(KeyStore(database), MasterKeys(master), clock)


def described_resources(data_directory: Path) -> ServerResources:
    """For a service that is registered and never run: without a database, and with no effect."""
    return local_resources(
        NoDatabase(), own_directory=lambda name: path_of(data_directory, name, 0)
    )
