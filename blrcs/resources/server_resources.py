"""What a server has that its services may use."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from blrcs.application.ports.access import DecisionsNow
from blrcs.application.ports.cache import CacheStore
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.limits import Limits
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.cache.strategies.metrics import StrategyMetrics
from blrcs.database.adapter import DatabaseAdapter
from blrcs.encryption.encryption_service import EncryptionService
from blrcs.resources.service_life import ServiceLife, Work
from blrcs_native.monitoring.metrics import MetricsBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResources:
    """The server's own, so that a service need not open any for itself. It closes none of them.

    With several workers each has its own object, in a process of its own; what is behind it is
    shared as far as the server shares it: the database, the entries of the cache, what is counted
    by limits.

    Attributes:
        database: The server's, with its pool, its log of slow statements and its replicas
            (``database.stale``). A service's tables come by a branch of migrations of its own.
        cache: Entries in namespaces; those of CacheService are the same ones.
        limits: Counts under the rules of LimitService.
        decisions: Gives the decisions of the access policy in force: ``decisions().check(...)``.
        metrics: Where the service's own families are made, with names of its own; ``/metrics``
            tells them, summed over all workers.
        strategy_metrics: For ``blrcs.cache.strategies``, of all services of the process.
        page_tokens: Signs page tokens; all that share the database take them.
        encryption: Encrypts values under keys of their tenants.
        clock: Wall-clock nanoseconds.
        own_directory: Gives a folder below the data directory that belongs to this process alone
            until it ends, such as for the log of a write-behind. It takes a name of lower-case
            letters, digits, ``_`` and ``-``. Of those of one name it is the first that is free: a
            worker that takes another's place finds what that one left, and during a replacement
            both have one. OSError where it cannot be made.
        life: What the service does beside its calls; see the methods.
    """

    database: DatabaseAdapter
    cache: CacheStore
    limits: Limits
    decisions: DecisionsNow
    metrics: MetricsBlock
    strategy_metrics: StrategyMetrics
    page_tokens: PageTokens
    encryption: EncryptionService
    clock: Clock
    own_directory: Callable[[str], Path]
    life: ServiceLife = field(repr=False)

    def on_start(self, work: Work) -> None:
        """Has ``work`` done before calls are accepted, in the order in which it is named.

        What it raises keeps the server from starting. Raises RuntimeError once it has started.
        """
        self.life.on_start(work)

    def on_stop(self, work: Work) -> None:
        """Has ``work`` done when the last call has ended, what was named last first.

        It may be named at any time. Where something fails at the start, only that is done which was
        named before it. All services together have ``services.stop_timeout``.
        """
        self.life.on_stop(work)

    def repeat(self, period_s: float, work: Work, *, leader_only: bool = False) -> None:
        """Has ``work`` done once in each period while calls are accepted.

        Where it fails it is logged, and tried again in the next period. It is cancelled before the
        last calls have ended. With ``leader_only`` one of all workers does it.
        """
        self.life.repeat(period_s, work, leader_only=leader_only)
