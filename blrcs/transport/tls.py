"""TLS for the native transport, by the standard ssl module.

The functions have the signatures of grpc's own; grpc's credentials are sealed within its core, so
that nothing but its core can use them.
"""

import os
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from blrcs.transport.server_names import contexts_by_name, first_and_alike

KeyAndChain = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class CertificateConfiguration:
    """A private key and its certificate chain, in PEM, and which clients are accepted.

    Attributes:
        root_certificates: Who may sign them.
        revocation_lists: Which of them are revoked. With it, each authority needs a list that has
            not expired, or its certificates are refused. Of the native transport alone.
    """

    pairs: Sequence[KeyAndChain]
    root_certificates: bytes | None = None
    revocation_lists: bytes | None = None


class ServerCredentials:
    """Gives each handshake the context that is in force when it begins.

    Args:
        configuration: Called at every handshake; what it gives is loaded anew only if it is
            another object than before.
        require_client_certificate: Clients without a valid certificate are refused.

    Raises:
        ssl.SSLError, ValueError: The first configuration cannot be used.
    """

    def __init__(
        self,
        configuration: Callable[[], CertificateConfiguration],
        *,
        require_client_certificate: bool,
    ) -> None:
        self.configuration = configuration
        self.require_client_certificate = require_client_certificate
        self._loaded = configuration()
        self._context = self._new_context()

    def context(self) -> ssl.SSLContext:
        """For a handshake that begins now."""
        wanted = self.configuration()
        if wanted is not self._loaded:
            self._loaded = wanted
            self._context = self._new_context()
        return self._context

    def _new_context(self) -> ssl.SSLContext:
        return server_context(
            self._loaded, require_client_certificate=self.require_client_certificate
        )


def ssl_server_credentials(
    private_key_certificate_chain_pairs: Sequence[KeyAndChain],
    root_certificates: bytes | None = None,
    require_client_auth: bool = False,  # noqa: FBT001, FBT002 - grpc's signature
) -> ServerCredentials:
    """Stands for ``grpc.ssl_server_credentials``.

    Raises:
        ValueError: Clients are to be authenticated, and nobody may sign their certificates.
        ssl.SSLError: Key and certificate cannot be used.
    """
    if require_client_auth and root_certificates is None:
        raise ValueError("Illegal to require client auth without providing root certificates!")
    configuration = CertificateConfiguration(private_key_certificate_chain_pairs, root_certificates)
    return ServerCredentials(lambda: configuration, require_client_certificate=require_client_auth)


def server_context(
    configuration: CertificateConfiguration, *, require_client_certificate: bool
) -> ssl.SSLContext:
    """TLS 1.2 or later, and HTTP/2 alone.

    Of several certificates a client gets one that has the name it asks for, else the first or one
    that has the same names; where several have, one for each kind of key.

    Raises:
        ValueError: There is no certificate.
        ssl.SSLError: A certificate or key cannot be used.
    """
    pairs = configuration.pairs
    if not pairs:
        raise ValueError("at least one private key with its certificate chain is required")

    def context_of(pairs: Sequence[KeyAndChain]) -> ssl.SSLContext:
        return _context(configuration, pairs, require_client_certificate=require_client_certificate)

    context = context_of(pairs)
    if len(pairs) > 1:
        # All of them can be used; which a client gets is not for its kinds of keys to say.
        context = context_of(first_and_alike(pairs))
        context.sni_callback = contexts_by_name(pairs, context_of)
    return context


def _context(
    configuration: CertificateConfiguration,
    pairs: Sequence[KeyAndChain],
    *,
    require_client_certificate: bool,
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 9113, section 9.2: no compression, no renegotiation, and forward secrecy with AEAD.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["h2"])
    # Of those with one kind of key the last one that is loaded counts.
    for key, chain in reversed(pairs):
        _load_pair(context, key, chain)
    if configuration.root_certificates is not None:
        context.load_verify_locations(cadata=configuration.root_certificates.decode("ascii"))
    if configuration.revocation_lists is not None:
        with _in_memory(configuration.revocation_lists) as path:
            context.load_verify_locations(path)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    if require_client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load_pair(context: ssl.SSLContext, key: bytes, chain: bytes) -> None:
    with _in_memory(key.rstrip() + b"\n" + chain) as path:
        context.load_cert_chain(path)


@contextmanager
def _in_memory(pem: bytes) -> Iterator[str]:
    """A file for what the ssl module reads from files alone; it is in memory, and nobody else's."""
    with os.fdopen(os.memfd_create("blrcs-tls", os.MFD_CLOEXEC), "wb") as file:
        file.write(pem)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"
