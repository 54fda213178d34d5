"""A certificate for the loopback that lives as long as a run, and a call that verifies it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from load import Load, LoadError

TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files."""

    certificate: Path
    key: Path

    @property
    def options(self) -> tuple[str | Path, ...]:
        """As the servers take them."""
        return ("--cert", self.certificate, "--key", self.key)


def make_certificate(folder: Path) -> Certificate:
    """Self-signed, for 127.0.0.1, with a key on P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, SHA256())
    )
    made = Certificate(folder / "server.crt", folder / "server.key")
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    return made


def workload_certificate(uri: str) -> bytes:
    """That of a client, in PEM; nothing verifies it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "workload")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )


def call_over_tls(load: Load, certificate: Certificate) -> None:
    """Makes the call once, by grpc.

    Raises:
        LoadError: It was not answered as it must be.
    """
    credentials = grpc.ssl_channel_credentials(certificate.certificate.read_bytes())
    with grpc.secure_channel(f"127.0.0.1:{load.port}", credentials) as channel:
        try:
            reply = channel.unary_unary(load.method)(load.request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise LoadError(f"{error.code()}: {error.details()}") from None
    if reply != load.reply:
        raise LoadError("the call was answered with something else")
