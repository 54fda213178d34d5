"""Strategies by which services use a cache: ``docs/cache-strategies.md`` shows each.

CacheAside, ReadThrough and WriteThrough stand on any CacheStore, and share a namespace where one
reads what another writes. WriteBehind has a log of its own on disk.
"""

from blrcs.application.ports.write_sink import WriteRefusedError, WriteSink
from blrcs.cache.strategies.at_least_once import AtLeastOnceSink
from blrcs.cache.strategies.cache_aside import CacheAside
from blrcs.cache.strategies.lifetimes import Lifetimes
from blrcs.cache.strategies.log.dead_letters import DeadLetter, read_dead_letters
from blrcs.cache.strategies.log.errors import (
    WriteLogCorruptError,
    WriteLogError,
    WriteLogLockedError,
    WriteLogUnwritableError,
)
from blrcs.cache.strategies.metrics import StrategyMetrics
from blrcs.cache.strategies.pending_write import PendingWrite
from blrcs.cache.strategies.read_options import ReadOptions
from blrcs.cache.strategies.read_through import ReadThrough
from blrcs.cache.strategies.write_behind import WriteBehind
from blrcs.cache.strategies.write_behind_options import WriteBehindOptions
from blrcs.cache.strategies.write_through import WriteThrough
from blrcs.domain.logged_write import Applied, LoggedWrite

__all__ = [
    "Applied",
    "AtLeastOnceSink",
    "CacheAside",
    "DeadLetter",
    "Lifetimes",
    "LoggedWrite",
    "PendingWrite",
    "ReadOptions",
    "ReadThrough",
    "StrategyMetrics",
    "WriteBehind",
    "WriteBehindOptions",
    "WriteLogCorruptError",
    "WriteLogError",
    "WriteLogLockedError",
    "WriteLogUnwritableError",
    "WriteRefusedError",
    "WriteSink",
    "WriteThrough",
    "read_dead_letters",
]
