"""Who is at the other end of a TLS connection, in grpc's terms."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

from cryptography import x509

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
