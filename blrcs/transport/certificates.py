"""The server's certificate, replaced while it serves."""

from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from blrcs.config.problem import ConfigError, Problem
from blrcs.config.server import Tls
from blrcs.config.settings import Settings
from blrcs.transport.tls import CertificateConfiguration, ServerCredentials


class Certificates:
    """TLS credentials that new handshakes take from what was committed last.

    Args:
        tls: With a certificate.

    Raises:
        ConfigError: A file cannot be read, or key and certificate do not belong together.
    """

    def __init__(self, tls: Tls) -> None:
        self._current = _load(tls)
        self.credentials = ServerCredentials(
            lambda: self._current, require_client_certificate=tls.require_client_certificate
        )

    def prepare(self, old: Settings, new: Settings) -> Callable[[], None]:
        """See :class:`blrcs.config.reloadable.Reloadable`."""
        if new.server.tls.require_client_certificate != old.server.tls.require_client_certificate:
            raise _error("require_client_certificate", "changes, which needs a restart")
        loaded = _load(new.server.tls)

        def commit() -> None:
            self._current = loaded

        return commit


def _load(tls: Tls) -> CertificateConfiguration:
    if tls.cert_file is None or tls.key_file is None:
        raise _error("cert_file", "is gone: turning TLS off needs a restart")
    certificate = _read(tls.cert_file, "cert_file")
    key = _read(tls.key_file, "key_file")
    authorities = None
    if tls.client_ca_file is not None:
        authorities = _read(tls.client_ca_file, "client_ca_file")
        _parse(authorities, tls.client_ca_file, "client_ca_file")
    revoked = None
    if tls.client_crl_file is not None:
        revoked = _read(tls.client_crl_file, "client_crl_file")
        _check_revocation_list(revoked, tls.client_crl_file)
    leaf = _parse(certificate, tls.cert_file, "cert_file")
    try:
        private_key = serialization.load_pem_private_key(key, password=None)
    except (TypeError, ValueError):
        raise _error("key_file", f"{tls.key_file} holds no usable private key") from None
    if private_key.public_key() != leaf.public_key():
        raise _error("key_file", f"{tls.key_file} is not the key of {tls.cert_file}")
    return CertificateConfiguration([(key, certificate)], authorities, revoked)


def _parse(pem: bytes, path: Path, option: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise _error(option, f"{path} holds no usable certificate") from None


def _check_revocation_list(pem: bytes, path: Path) -> None:
    try:
        x509.load_pem_x509_crl(pem)
    except ValueError:
        raise _error("client_crl_file", f"{path} holds no usable revocation list") from None


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _error(option, f"{path}: {error.strerror}") from None


def _error(option: str, reason: str) -> ConfigError:
    return ConfigError([Problem("", f"server.tls.{option}", reason)])
