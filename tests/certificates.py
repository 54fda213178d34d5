"""A certificate for this machine, made anew for a run of the tests."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate and its key as PEM; ``path`` holds the certificate."""

    key: bytes
    chain: bytes
    path: Path


def new_key_and_chain(
    host: str = "localhost", key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None
) -> tuple[bytes, bytes]:
    """A key, or one of P-256, and its own certificate, for a host and 127.0.0.1, in PEM."""
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)


@cache
def key_and_certificate() -> tuple[bytes, bytes]:
    """The same for all tests of a run."""
    return new_key_and_chain()


def make_certificate(folder: Path) -> Certificate:
    """A new one, whose certificate lies in a folder too."""
    key, chain = new_key_and_chain()
    path = folder / "certificate.pem"
    path.write_bytes(chain)
    return Certificate(key, chain, path)
