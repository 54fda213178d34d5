"""The composition root: settings become a running server."""

import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from grpc_health.v1 import health_pb2
from prometheus_client import CollectorRegistry

from blrcs.api.health_service import HealthService, HealthState, add_health_to_server
from blrcs.api.reflection_service import add_reflection_to_server
from blrcs.application.auth.create_initial_administrator import InitialAdministrator
from blrcs.assembly.audit import assemble_audit
from blrcs.assembly.builtin import Builtin, assemble_builtin
from blrcs.assembly.certificates import certificate_principals
from blrcs.assembly.direct import direct_health
from blrcs.assembly.endpoint import listen
from blrcs.assembly.foundation import NS_PER_S, lay_foundation
from blrcs.assembly.housekeeping import Housekeeping, Work
from blrcs.assembly.metrics import ServerMetrics
from blrcs.assembly.overload import assemble_overload, watch_places
from blrcs.assembly.recorded_reloads import RecordedReloads
from blrcs.assembly.scrapes import listen_for_scrapes
from blrcs.assembly.services import HostedServices
from blrcs.config.live import LiveSettings
from blrcs.config.loading import LoadedSettings
from blrcs.config.problem import ConfigError, Problem
from blrcs.config.reloadable import Reloadable
from blrcs.config.server import Server as ServerSection
from blrcs.config.settings import Settings
from blrcs.config.watcher import ConfigWatcher
from blrcs.doctor.examination import refuse_stored_dangers
from blrcs.domain.errors import InvalidArgumentError
from blrcs.encryption.encryption_service import EncryptionService
from blrcs.interceptors.call_log import CallLog
from blrcs.interceptors.consistency import keep_consistency
from blrcs.interceptors.direct import DirectHandlers
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.network import current_network
from blrcs.interceptors.policies import Policies, permissions_of
from blrcs.interceptors.rejection_metrics import RejectionMetrics
from blrcs.monitoring.log_level import LogLevel
from blrcs.monitoring.metrics_server import MetricsServer
from blrcs.process import settle_process
from blrcs.resources.own_directories import OwnDirectories
from blrcs.resources.server_resources import ServerResources
from blrcs.resources.service_life import ServiceLife
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs.transport.server import TransportServer
from blrcs.workers.memory import GUARDS, METRIC_CELLS, Memory, OwnMemory
from blrcs.workers.worker import Worker
from blrcs_native.monitoring.metrics import MetricsBlock

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
        DatabaseOpenError, RedisOpenError, KeyFileError, MasterKeyError, ConfigError, PolicyError,
        ServiceLoadError, PortUnavailableError, AuditOpenError: It cannot start; each says in one
            line why.
    """
    settings = loaded.settings
    memory: Memory = OwnMemory() if worker is None else worker.memory
    async with AsyncExitStack() as stack:
        block = memory.metrics(METRIC_CELLS)
        metrics = ServerMetrics(block)
        base = await lay_foundation(settings, stack, worker, metrics=metrics)
        if worker is None or worker.first:
            await refuse_stored_dangers(loaded, base.database)
        audit = await assemble_audit(base, settings.audit, metrics.audit, stack)
        registrar = Registrar()
        builtin = await assemble_builtin(
            base,
            settings,
            memory,
            metrics,
            stack,
            worker,
            method_permissions=lambda: permissions_of(registrar, settings),
        )
        direct = builtin.add_to(registrar) if settings.services.builtin else {}
        if audit.files is not None and settings.services.builtin:
            audit.files.add_to(registrar, base.page_tokens)
        hosted = _hosted(builtin, block, metrics, stack)
        for reference in settings.services.extra:
            hosted.add(reference, registrar)
        health, direct_standard = _add_standard(registrar, settings)

        metrics.started()
        router = Router({}, unknown=metrics.calls.unknown)
        overload = assemble_overload(settings, metrics.overload)
        network = current_network(settings.network)
        policies = Policies(
            tuple(registrar),
            PipelineFactory(
                limiter=memory.limiter(GUARDS, settings.guards.limiter_cells),
                verifier=builtin.identity.verifier,
                access=builtin.access.current,
                observers=(RejectionMetrics(metrics.rejections), CallLog(level)),
                direct={**direct, **direct_standard},
                overload=overload,
                watches=watch_places(settings),
                innermost=base.consistency_token and keep_consistency(base.consistency_token),
                audit=audit.sink,
                certificates=certificate_principals(settings.auth.mtls),
                certificate_required=settings.auth.mtls.mode == "required",
                check_proof=builtin.identity.check_proof,
                spend_proof=builtin.identity.spend_proof,
                network=network,
            ),
            router,
            metrics=metrics.calls,
        )
        policies.apply(settings)

        reloadables: list[Reloadable] = [policies, builtin.limits.rules, level]
        server, addresses = listen(
            router, settings, metrics, reloadables, worker, network=network, overload=overload
        )
        metrics_address = await _serve_metrics(settings, memory.registry(block), stack, worker)
        stack.push_async_callback(hosted.stop, settings.services.stop_timeout.ns / NS_PER_S)
        await hosted.start()
        # Last of all that can fail: a password that is made but never shown would be lost.
        administrator = None
        if settings.services.builtin and (worker is None or worker.first):
            administrator = await _make_administrator(builtin, settings)
        if administrator is not None:
            await audit.note_administrator(administrator.user_id)
        reloadables.append(RecordedReloads(audit.sink))
        live = LiveSettings(loaded, load=load, reloadables=reloadables, on_reload=metrics.reloaded)
        watcher = ConfigWatcher(live)
        await server.start()
        settle_process()
        stack.push_async_callback(_drain, server, health, builtin, settings.server, worker)
        house = Housekeeping(stack)
        house.run(watcher.run())
        leading = partial(_leading, worker)
        builtin.keep_house(house, settings.database.refresh_interval.ns / NS_PER_S, leading)
        hosted.keep_house(house, leading)
        if audit.files is not None:
            audit.files.keep_house(house, leading, stack)
        health.set_all(health_pb2.HealthCheckResponse.SERVING)
        yield Application(
            addresses=addresses,
            metrics_address=metrics_address,
            administrator=administrator,
            watcher=watcher,
            reflection=settings.reflection,
            direct_methods=router.direct_methods,
        )


async def _make_administrator(builtin: Builtin, settings: Settings) -> InitialAdministrator | None:
    password = settings.auth.initial_admin_password
    try:
        return await builtin.identity.create_initial_administrator(
            "" if password is None else password.get_secret_value()
        )
    except InvalidArgumentError as error:
        raise ConfigError([Problem("", "auth.initial_admin_password", error.description)]) from None


def _hosted(
    builtin: Builtin, block: MetricsBlock, metrics: ServerMetrics, stack: AsyncExitStack
) -> HostedServices:
    """For the services of users, with what they may use of the server."""
    base = builtin.base
    own_directories = OwnDirectories(base.data_directory)
    stack.callback(own_directories.close)
    return HostedServices(
        ServerResources(
            database=base.database,
            cache=builtin.cache,
            limits=builtin.limits.limits,
            decisions=builtin.access.decisions,
            metrics=block,
            strategy_metrics=metrics.strategies,
            page_tokens=base.page_tokens,
            encryption=EncryptionService(builtin.encryption.keys),
            clock=base.clock,
            own_directory=own_directories,
            life=ServiceLife(),
        )
    )


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
        # Whichever worker accepts a scrape answers for all.
        await _answer_scrapes(registry, stack, worker.scrapes)
        return worker.handover.metrics_address
    if not settings.metrics.enabled:
        return ""
    sockets, address = listen_for_scrapes(settings.metrics)
    await _answer_scrapes(registry, stack, sockets)
    return address


async def _answer_scrapes(
    registry: CollectorRegistry, stack: AsyncExitStack, sockets: Sequence[socket.socket]
) -> None:
    endpoint = MetricsServer(registry)
    await endpoint.start(sockets)
    stack.push_async_callback(endpoint.close)


def _leading(worker: Worker | None, work: Work) -> Work:
    """Does it in one of all workers."""

    async def run() -> None:
        if worker is None or worker.leads():
            await work()

    return run


async def _drain(
    server: TransportServer,
    health: HealthState,
    builtin: Builtin,
    options: ServerSection,
    worker: Worker | None,
) -> None:
    """NOT_SERVING first, so that balancers turn away; then accepted calls may finish.

    Where another worker serves in this one's place they shall not: it is the server they ask about.
    """
    health.finish(serving=worker is not None and worker.is_succeeded)
    builtin.finish_watching()
    await server.stop(options.drain_grace_s)
