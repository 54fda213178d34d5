"""The gRPC endpoint: settings become a transport that listens."""

from blrcs.assembly.metrics import ServerMetrics
from blrcs.assembly.network import NetworkRules
from blrcs.config.reloadable import Reloadable
from blrcs.config.server import Server
from blrcs.config.settings import Settings
from blrcs.domain.host import bracketed
from blrcs.transport.certificates import Certificates
from blrcs.transport.native import NativeServer
from blrcs.transport.router import Router
from blrcs.transport.server import TransportServer, transport_server
from blrcs.workers.handover import PORT, UNIX_SOCKET
from blrcs.workers.ports import PortUnavailableError
from blrcs.workers.worker import Worker
from blrcs_native.addresses.network import CurrentNetwork
from blrcs_native.load.overload import Overload

KEEPALIVE_MS = 60_000
KEEPALIVE_TIMEOUT_MS = 20_000
MS_PER_S = 1_000
MAX_STREAMS = 250
UNSETTLED_FACTOR = 2


def listen(
    router: Router,
    settings: Settings,
    metrics: ServerMetrics,
    reloadables: list[Reloadable],
    worker: Worker | None,
    *,
    network: CurrentNetwork,
    overload: Overload,
) -> tuple[TransportServer, tuple[str, ...]]:
    """A server that listens, and accepts nothing yet, and where it does.

    Args:
        router: Where its calls go.
        settings: Where it listens, and what it accepts.
        metrics: Count what breaks its limits.
        reloadables: Get what decides whose connections are accepted.
        worker: The place of this process among others, whose sockets it shares; None for one alone.
        network: Which addresses are served.
        overload: Bounds the calls that run.

    Raises:
        ConfigError: The certificates cannot be used.
        PortUnavailableError: An address cannot be listened on.
    """
    server = settings.server
    transport = transport_server(
        server.transport,
        router,
        options=_channel_arguments(server, shares_port=worker is not None),
        # Calls whose guards wait take no place yet, and are bounded all the same.
        maximum_concurrent_rpcs=UNSETTLED_FACTOR * (overload.max_calls + overload.reserve),
        abuse_counter=metrics.abuse,
        network=network,
        overload=overload,
    )
    reloadables.append(NetworkRules(network, transport))
    certificates = Certificates(server.tls) if server.tls.enabled else None
    if certificates is not None:
        reloadables.append(certificates)
    host = bracketed(server.host)
    wanted = [f"{host}:{server.port}"]
    if server.uds is not None:
        wanted.append(f"unix:{server.uds.absolute()}")
    addresses = []
    for address in wanted:
        try:
            if worker is not None and isinstance(transport, NativeServer):
                port = _serve_handed_down(transport, worker, address, certificates, server)
            elif isinstance(transport, NativeServer) and _is_proxied(address, server):
                port = _listen_to_proxies(transport, address, certificates)
            elif certificates is None:
                port = transport.add_insecure_port(address)
            else:
                port = transport.add_secure_port(address, certificates.credentials)
        except RuntimeError as error:
            if isinstance(error.__cause__, OSError):
                option = "server.uds" if address.startswith("unix:") else "--port, or server.port,"
                raise PortUnavailableError.at(address, error.__cause__, option) from None
            raise PortUnavailableError(
                f"cannot listen on {address}: it is in use, or not an address of this machine"
            ) from None
        named = address if address.startswith("unix:") else f"{host}:{port}"
        protection = "plain text" if certificates is None else "TLS"
        proxied = ", by proxies alone" if _is_proxied(address, server) else ""
        addresses.append(f"{named} ({protection}{proxied})")
    return transport, tuple(addresses)


def _serve_handed_down(
    transport: NativeServer,
    worker: Worker,
    address: str,
    certificates: Certificates | None,
    server: Server,
) -> int:
    """Takes from the sockets that the supervisor keeps, so that no connection is lost with it."""
    kind = UNIX_SOCKET if address.startswith("unix:") else PORT
    credentials = None if certificates is None else certificates.credentials
    proxied = _is_proxied(address, server)
    transport.add_listening_sockets(worker.listening.get(kind, []), credentials, proxied=proxied)
    if kind == PORT:
        worker.on_loan(lambda sockets: transport.serve_also(sockets, credentials, proxied=proxied))
    return worker.handover.port


def _is_proxied(address: str, server: Server) -> bool:
    """Whether only proxies connect there, and say for whom; a Unix socket is for this machine."""
    return server.proxy_protocol == "v2" and not address.startswith("unix:")


def _listen_to_proxies(
    transport: NativeServer, address: str, certificates: Certificates | None
) -> int:
    if certificates is None:
        return transport.add_insecure_port(address, proxied=True)
    return transport.add_secure_port(address, certificates.credentials, proxied=True)


def _channel_arguments(server: Server, *, shares_port: bool) -> tuple[tuple[str, int], ...]:
    arguments = {
        "grpc.max_receive_message_length": server.max_message_bytes,
        "grpc.max_send_message_length": server.max_message_bytes,
        "grpc.max_metadata_size": server.max_metadata_bytes,
        "grpc.absolute_max_metadata_size": server.max_metadata_bytes,
        # No one connection may take all places.
        "grpc.max_concurrent_streams": max(1, min(server.max_concurrent_calls // 4, MAX_STREAMS)),
        # Peers that are gone are noticed, and so are those that never were.
        "grpc.keepalive_time_ms": KEEPALIVE_MS,
        "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    }
    if server.max_connection_age_s is not None:
        arguments["grpc.max_connection_age_ms"] = int(server.max_connection_age_s * MS_PER_S)
        arguments["grpc.max_connection_age_grace_ms"] = int(server.drain_grace_s * MS_PER_S)
    if server.transport == "native":
        arguments["blrcs.max_connections"] = server.max_connections
        if server.max_connections_per_address is not None:
            arguments["blrcs.max_connections_per_address"] = server.max_connections_per_address
    else:
        arguments["grpc.so_reuseport"] = int(shares_port)
    return tuple(arguments.items())
