"""Where Prometheus asks for the metrics: sockets that listen, and their address as one asks it."""

import socket

from blrcs.config.observability import Metrics
from blrcs.domain.host import bracketed
from blrcs.transport.listening import Use, bound_sockets, port_of
from blrcs.workers.ports import PortUnavailableError


def listen_for_scrapes(settings: Metrics) -> tuple[list[socket.socket], str]:
    """Sockets at all addresses of a host, from which several processes may accept, and the URL.

    Raises:
        PortUnavailableError: The address cannot be had.
    """
    host = bracketed(settings.host)
    try:
        sockets = bound_sockets(settings.host, settings.port, Use.LISTEN)
    except OSError as error:
        raise PortUnavailableError.at(
            f"{host}:{settings.port} for metrics", error, "metrics.port, or BLRCS_METRICS__PORT,"
        ) from None
    return sockets, f"http://{host}:{port_of(sockets)}/metrics"
