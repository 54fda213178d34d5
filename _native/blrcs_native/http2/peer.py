"""Who is at the other end of a connection, in grpc's terms."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cryptography import x509

if TYPE_CHECKING:
    import asyncio

IPV6_PARTS = 4
MAPPED_IPV4 = "::ffff:"
SUBJECT_ALTERNATIVE_NAME = "x509_subject_alternative_name"
COMMON_NAME = "x509_common_name"
SPIFFE_SCHEME = "spiffe://"
# What grpc core files each kind of alternative name under, beside all of them together.
KINDS_OF_NAMES = {
    "DNS": "peer_dns",
    "URI": "peer_uri",
    "email": "peer_email",
    "IP Address": "peer_ip",
}


def peer_name(transport: asyncio.BaseTransport) -> tuple[str, str]:
    """The client as grpc names it, and its address without the port.

    ``ipv4:127.0.0.1:80``, ``ipv6:%5B::1%5D:80``, or ``unix:`` where it has no address.
    """
    address: Any = transport.get_extra_info("peername")
    if not isinstance(address, tuple):
        return "unix:", "unix"
    if len(address) == IPV6_PARTS and address[0].startswith(MAPPED_IPV4):
        # A socket of both families: the client's address is one, however it came.
        address = (address[0].removeprefix(MAPPED_IPV4), address[1])
    if len(address) == IPV6_PARTS:
        return f"ipv6:{quote(f'[{address[0]}]', safe=':')}:{address[1]}", address[0]
    return f"ipv4:{address[0]}:{address[1]}", address[0]


def socket_of(transport: asyncio.BaseTransport) -> int:
    """The descriptor of the transport's socket; -1 where it has none."""
    found = transport.get_extra_info("socket")
    return -1 if found is None else int(found.fileno())


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """What TLS says of the client; ``identities`` are the values of ``key`` in ``context``."""

    context: dict[str, list[bytes]]
    key: str | None
    identities: list[bytes] | None


NOBODY = PeerIdentity(
    {"transport_security_type": [b"insecure"], "security_level": [b"TSI_SECURITY_NONE"]}, None, None
)
"""What is known of a client in plain text."""


def peer_identity(tls: ssl.SSLObject) -> PeerIdentity:
    """Read off a finished handshake; without a verified certificate there are no identities."""
    context: dict[str, list[bytes]] = {
        "transport_security_type": [b"ssl"],
        "security_level": [b"TSI_PRIVACY_AND_INTEGRITY"],
        "ssl_session_reused": [b"true" if tls.session_reused else b"false"],
    }
    certificate: Any = tls.getpeercert()
    if not certificate:
        return PeerIdentity(context, None, None)
    der = tls.getpeercert(binary_form=True)
    if der is not None:
        context["x509_pem_cert"] = [ssl.DER_cert_to_PEM_cert(der).encode()]
        subject = x509.load_der_x509_certificate(der).subject
        context["x509_subject"] = [subject.rfc4514_string().encode()]
    for part in certificate.get("subject", ()):
        for name, value in part:
            if name == "commonName":
                context.setdefault(COMMON_NAME, []).append(value.encode())
    for kind, value in certificate.get("subjectAltName", ()):
        _add_name(context, kind, value)
    for key in (SUBJECT_ALTERNATIVE_NAME, COMMON_NAME):
        if key in context:
            return PeerIdentity(context, key, context[key])
    return PeerIdentity(context, None, None)


def _add_name(context: dict[str, list[bytes]], kind: str, value: str) -> None:
    if kind not in KINDS_OF_NAMES:
        return
    encoded = value.encode()
    context.setdefault(SUBJECT_ALTERNATIVE_NAME, []).append(encoded)
    context.setdefault(KINDS_OF_NAMES[kind], []).append(encoded)
    if kind == "URI" and value.startswith(SPIFFE_SCHEME):
        context.setdefault("peer_spiffe_id", []).append(encoded)
