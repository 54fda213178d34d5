"""The certificate that the server shows, and its key."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from blrcs.config.settings import Settings
from blrcs.doctor.finding import Finding, Severity

KEY = "server.tls.cert_file"
MIN_RSA_BITS = 2048
MIN_CURVE_BITS = 224
SOON = dt.timedelta(days=14)
BROKEN_HASHES = (hashes.MD5, hashes.SHA1)


def examine_certificates(settings: Settings, now: dt.datetime) -> Iterator[Finding]:
    """What clients are shown: how strong it is, and how long it is valid."""
    path = settings.server.tls.cert_file
    if path is None:
        return
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return  # the listener says what is wrong with it
    for certificate in certificates:
        yield from _examine_strength(certificate, path)
    yield from _examine_time(certificates[0], path, now)


def _examine_strength(certificate: x509.Certificate, path: Path) -> Iterator[Finding]:
    if weakness := _weakness(certificate):
        yield Finding(
            check="certificate",
            severity=Severity.CRITICAL,
            key=KEY,
            problem=f"{path} has {weakness}, which can be forged",
            remedy="have it issued anew with a key on P-256 or of RSA with 3072 bits",
        )


def _weakness(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
        own_hash = certificate.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return "a key of an unknown kind"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        return f"an RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < MIN_CURVE_BITS:
        return f"a key on a curve of {key.key_size} bits"
    if isinstance(key, dsa.DSAPublicKey):
        return "a DSA key"
    if isinstance(own_hash, BROKEN_HASHES):
        return f"a signature by {own_hash.name.upper()}"
    return ""


def _examine_time(certificate: x509.Certificate, path: Path, now: dt.datetime) -> Iterator[Finding]:
    end = certificate.not_valid_after_utc
    if end - now < SOON:
        over = end <= now
        yield Finding(
            check="certificate",
            severity=Severity.WARNING,
            key=KEY,
            problem=f"{path} {'was' if over else 'is'} valid until {end:%Y-%m-%d %H:%M} UTC",
            remedy="renew it: the server reads it anew when it changes",
        )
    elif certificate.not_valid_before_utc > now:
        yield Finding(
            check="certificate",
            severity=Severity.WARNING,
            key=KEY,
            problem=f"{path} is not valid yet",
            remedy="look at the machine's clock",
        )
