"""What strangers reach over the network, and what they read on the way there."""

import ipaddress
from collections.abc import Iterator

from blrcs.config.settings import Settings
from blrcs.doctor.finding import Finding, Severity


def examine_listeners(settings: Settings) -> Iterator[Finding]:
    """The gRPC endpoint, the metrics, and the descriptions of the services."""
    server = settings.server
    beyond = not is_loopback(server.host)
    if beyond and not server.tls.enabled:
        yield Finding(
            check="plaintext",
            severity=Severity.CRITICAL,
            key="server.host",
            problem=f"serves plain text on {server.host}: tokens and passwords can be read and "
            "replaced on the way",
            remedy="give server.tls a certificate, or listen on the loopback behind a proxy",
        )
    if settings.metrics.enabled and not is_loopback(settings.metrics.host):
        yield Finding(
            check="metrics",
            severity=Severity.WARNING,
            key="metrics.host",
            problem=f"serves the metrics on {settings.metrics.host} to whoever asks",
            remedy="listen on the loopback, or let only the scraper reach the port",
        )
    if settings.environment == "production" and settings.reflection:
        yield Finding(
            check="reflection",
            severity=Severity.WARNING,
            key="server.reflection",
            problem="describes every method to whoever asks",
            remedy="leave server.reflection at auto, and give clients the descriptor set",
        )
    if beyond and settings.environment != "production":
        yield Finding(
            check="environment",
            severity=Severity.WARNING,
            key="environment",
            problem=f"is {settings.environment}, but the server listens beyond the loopback",
            remedy="set environment to production where strangers reach the server",
        )


def is_loopback(host: str) -> bool:
    """Whether only processes of this machine reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
