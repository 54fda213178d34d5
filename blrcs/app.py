"""The composition root: settings become a running server."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from grpc_health.v1 import health_pb2
from prometheus_client import CollectorRegistry

from blrcs.api.cache_service import CacheService
from blrcs.api.health_service import HealthService, HealthState, add_health_to_server
from blrcs.api.reflection_service import add_reflection_to_server
from blrcs.application.auth.create_initial_administrator import InitialAdministrator
from blrcs.assembly.access import Access, assemble_access
from blrcs.assembly.cache import AnyCache, assemble_cache, keep_house
from blrcs.assembly.direct import (
    direct_access,
    direct_auth,
    direct_cache,
    direct_health,
)
from blrcs.assembly.endpoint import listen
from blrcs.assembly.foundation import NS_PER_S, Foundation, lay_foundation
from blrcs.assembly.housekeeping import Housekeeping, Work
from blrcs.assembly.identity import Identity, assemble_identity
from blrcs.assembly.limits import ServiceLimits, assemble_limits
from blrcs.assembly.metrics import CELLS as METRICS_CELLS
from blrcs.assembly.metrics import ServerMetrics
from blrcs.assembly.records import Records, assemble_records
from blrcs.assembly.services import load_service
from blrcs.config.live import LiveSettings
from blrcs.config.loading import LoadedSettings
from blrcs.config.reloadable import Reloadable
from blrcs.config.settings import Settings
from blrcs.config.watcher import ConfigWatcher
from blrcs.interceptors.call_log import CallLog
from blrcs.interceptors.consistency import keep_consistency
from blrcs.interceptors.direct import DirectHandlers
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.policies import Policies, permissions_of
from blrcs.interceptors.rejection_metrics import RejectionMetrics
from blrcs.monitoring.exporter import MetricsServer
from blrcs.monitoring.log_level import LogLevel
from blrcs.process import settle_process
from blrcs.security.password_hasher import Argon2PasswordHasher
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs.transport.server import TransportServer
from blrcs.v1 import (
    access_pb2_grpc,
    auth_pb2_grpc,
    cache_pb2_grpc,
    limit_pb2_grpc,
    record_pb2_grpc,
    user_pb2_grpc,
)
from blrcs.workers.memory import ACCESS, GUARDS, RECORDS, Memory, OwnMemory
from blrcs.workers.ports import PortUnavailableError
from blrcs.workers.worker import Worker

PURGE_PERIOD_S = 600.0
EXPIRY_PERIOD_S = 5.0
SWEEP_PERIOD_S = 1.0

log = structlog.get_logger("blrcs.app")


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A server that accepts calls.

    Attributes:
        addresses: Where it serves, as ``host:port`` or ``unix:path``, with what protects it.
        metrics_address: Where ``/metrics`` is; empty where it is off.
        administrator: Made by this start, with the password to show once.
        watcher: Reloads the configuration.
        reflection: Whether the server describes its services.
        direct_methods: Those that are answered beside their Python handlers where that can be.
    """

    addresses: tuple[str, ...]
    metrics_address: str
    administrator: InitialAdministrator | None
    watcher: ConfigWatcher
    reflection: bool
    direct_methods: tuple[str, ...]


@asynccontextmanager
async def running(
    loaded: LoadedSettings,
    load: Callable[[], LoadedSettings],
    level: LogLevel,
    worker: Worker | None = None,
) -> AsyncIterator[Application]:
    """Runs a server; leaving the context drains it.

    Args:
        loaded: The settings to start with.
        load: Reads them anew when they change.
        level: What changes the level of the log.
        worker: What this process has of its supervisor, where it is one of several.

    Raises:
        DatabaseOpenError, RedisOpenError, KeyFileError, ConfigError, PolicyError,
        ServiceLoadError, PortUnavailableError: It cannot start; each says in one line why.
    """
    settings = loaded.settings
    memory: Memory = OwnMemory() if worker is None else worker.memory
    async with AsyncExitStack() as stack:
        block = memory.metrics(METRICS_CELLS)
        metrics = ServerMetrics(block)
        base = await lay_foundation(settings, stack, worker, metrics=metrics)
        registrar = Registrar()
        access = assemble_access(
            base, lambda: permissions_of(registrar, settings), memory.generation(ACCESS)
        )
        hasher = stack.enter_context(contextlib.closing(Argon2PasswordHasher()))
        identity = assemble_identity(
            base,
            settings.auth,
            hasher,
            memory,
            grant_administrator=access.grant_administrator,
            grants=access.store,
        )
        stack.push_async_callback(identity.api_keys.drain)
        cache = assemble_cache(settings, base, worker)
        stack.callback(cache.close)
        limits = assemble_limits(base, settings, memory, metrics, stack)
        records = await assemble_records(
            base,
            settings.records,
            access.current,
            refresh_interval_ns=settings.database.refresh_interval.ns,
            generation=memory.generation(RECORDS),
            # However many watch, as many other calls are served.
            max_watchers=settings.server.max_concurrent_calls // 2,
        )

        direct: DirectHandlers = {}
        if settings.services.builtin:
            direct = _add_builtin(registrar, access, identity, cache, limits, records)
        for reference in settings.services.extra:
            load_service(reference)(registrar)
        health, direct_standard = _add_standard(registrar, settings)

        metrics.started()
        router = Router({}, unknown=metrics.calls.unknown)
        policies = Policies(
            tuple(registrar),
            PipelineFactory(
                limiter=memory.limiter(GUARDS, settings.guards.limiter_cells),
                verifier=identity.verifier,
                access=access.current,
                observers=(RejectionMetrics(metrics.rejections), CallLog(level)),
                direct={**direct, **direct_standard},
                innermost=base.consistency_token and keep_consistency(base.consistency_token),
            ),
            router,
            metrics=metrics.calls,
        )
        policies.apply(settings)

        reloadables: list[Reloadable] = [policies, limits.rules, level]
        server, addresses = listen(router, settings, metrics, reloadables, worker)
        metrics_address = await _serve_metrics(
            settings, memory.registry(block, ServerMetrics), stack, worker
        )
        # Last of all that can fail: a password that is made but never shown would be lost.
        administrator = None
        if settings.services.builtin and (worker is None or worker.first):
            password = settings.auth.initial_admin_password
            administrator = await identity.create_initial_administrator(
                "" if password is None else password.get_secret_value()
            )
        live = LiveSettings(loaded, load=load, reloadables=reloadables, on_reload=metrics.reloaded)
        watcher = ConfigWatcher(live)
        await server.start()
        settle_process()
        stack.push_async_callback(
            _drain, server, health, cache, records, settings.server.drain_grace_s
        )
        house = Housekeeping(stack)
        house.run(watcher.run())
        _keep_house(house, settings, base, access, identity, cache, limits, records, worker)
        health.set_all(health_pb2.HealthCheckResponse.SERVING)
        yield Application(
            addresses=addresses,
            metrics_address=metrics_address,
            administrator=administrator,
            watcher=watcher,
            reflection=settings.reflection,
            direct_methods=router.direct_methods,
        )


def _keep_house(
    house: Housekeeping,
    settings: Settings,
    base: Foundation,
    access: Access,
    identity: Identity,
    cache: AnyCache,
    limits: ServiceLimits,
    records: Records,
    worker: Worker | None,
) -> None:
    """What is done beside all calls, by each worker or by the first one alone."""
    house.repeat(PURGE_PERIOD_S, _leading(identity.purge_expired, worker))
    house.repeat(PURGE_PERIOD_S, _leading(records.purge.changes, worker))
    house.repeat(EXPIRY_PERIOD_S, _leading(records.purge.expired, worker))
    keep_house(cache, house, lambda work: _leading(work, worker))
    house.repeat(SWEEP_PERIOD_S, limits.sweep)
    if base.database.is_shared:
        follow = _in_turn(identity.revocations.catch_up, access.store.follow, limits.rules.follow)
        house.repeat(settings.database.refresh_interval.ns / NS_PER_S, follow)
        if base.announcer is not None:
            house.run(base.announcer.run(follow))


def _add_builtin(
    registrar: Registrar,
    access: Access,
    identity: Identity,
    cache: AnyCache,
    limits: ServiceLimits,
    records: Records,
) -> DirectHandlers:
    cache_service = CacheService(cache)
    auth_pb2_grpc.add_AuthServiceServicer_to_server(identity.auth_service, registrar)
    user_pb2_grpc.add_UserServiceServicer_to_server(identity.user_service, registrar)
    access_pb2_grpc.add_AccessServiceServicer_to_server(access.service, registrar)
    limit_pb2_grpc.add_LimitServiceServicer_to_server(limits.service, registrar)
    cache_pb2_grpc.add_CacheServiceServicer_to_server(cache_service, registrar)
    record_pb2_grpc.add_RecordServiceServicer_to_server(records.service, registrar)
    return {
        **direct_access(access.service, access.current),
        **direct_auth(identity.auth_service, identity.verifier),
        **direct_cache(cache_service, cache),
        **limits.direct,
    }


def _add_standard(registrar: Registrar, settings: Settings) -> tuple[HealthState, DirectHandlers]:
    services = sorted({each.name[1:].rpartition("/")[0] for each in registrar})
    health = HealthState(services)
    service = HealthService(health)
    add_health_to_server(service, registrar)
    if settings.reflection:
        add_reflection_to_server((*services, "grpc.health.v1.Health"), registrar)
    return health, direct_health(service, health)


async def _serve_metrics(
    settings: Settings, registry: CollectorRegistry, stack: AsyncExitStack, worker: Worker | None
) -> str:
    if worker is not None:
        return await _serve_scrapes(registry, stack, worker)
    if not settings.metrics.enabled:
        return ""
    exporter = MetricsServer(registry)
    host = settings.metrics.host
    try:
        port = await exporter.start(host, settings.metrics.port)
    except OSError as error:
        raise PortUnavailableError(
            f"cannot listen on {host}:{settings.metrics.port} for metrics: {error.strerror}"
        ) from None
    stack.push_async_callback(exporter.close)
    return f"http://{host}:{port}/metrics"


async def _serve_scrapes(registry: CollectorRegistry, stack: AsyncExitStack, worker: Worker) -> str:
    """Whichever worker accepts a scrape answers for all."""
    if worker.scrapes is not None:
        exporter = MetricsServer(registry)
        await exporter.start_on(worker.scrapes)
        stack.push_async_callback(exporter.close)
    return worker.handover.metrics_address


def _leading(work: Work, worker: Worker | None) -> Work:
    """Does it in one of all workers."""

    async def run() -> None:
        if worker is None or worker.leads():
            await work()

    return run


def _in_turn(*works: Work) -> Work:
    async def run() -> None:
        for work in works:
            await work()

    return run


async def _drain(
    server: TransportServer,
    health: HealthState,
    cache: AnyCache,
    records: Records,
    grace_s: float,
) -> None:
    """NOT_SERVING first, so that balancers turn away; then accepted calls may finish."""
    health.finish()
    cache.finish_watching()
    records.signal.finish()
    await server.stop(grace_s)
