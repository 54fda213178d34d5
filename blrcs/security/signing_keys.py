"""Keys that sign access tokens: Ed25519 keys in files that only their owner may read."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from blrcs.security.key_file import KeyFileError, create_key_file, read_key_file

ALGORITHM = "EdDSA"


class SigningKey:
    """A private key, and the public half that others verify with. Implements PublicKeys.

    Attributes:
        private_key: Signs.
        kid: The thumbprint of the public key (RFC 7638, RFC 8037 appendix A.3).
    """

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self.private_key = private_key
        self._jwk = jwk_of(private_key.public_key())
        self.kid = self._jwk["kid"]

    def signer(self) -> Self:
        """Itself: as a set of keys it is one."""
        return self

    def jwks(self) -> Sequence[Mapping[str, str]]:
        """See the port."""
        return [self._jwk]

    def to_pem(self) -> bytes:
        """As it is kept in a file."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


class SigningKeys(Protocol):
    """The keys that sign."""

    def signer(self) -> SigningKey:
        """The one that signs now."""
        ...


def jwk_of(public_key: Ed25519PublicKey) -> dict[str, str]:
    """A public key as a JWK (RFC 8037), its thumbprint as its ``kid``."""
    x = _base64url(public_key.public_bytes_raw())
    thumbprint = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": x,
        "kid": _base64url(hashlib.sha256(thumbprint).digest()),
        "alg": ALGORITHM,
        "use": "sig",
    }


def make_signing_key() -> SigningKey:
    """A new key."""
    return SigningKey(Ed25519PrivateKey.generate())


def load_or_create_signing_key(path: Path) -> SigningKey:
    """The key in the file; a new one, durable before it signs anything, where there is no file.

    Raises:
        KeyFileError: The file can be read by others, is no Ed25519 key in PKCS#8 PEM without a
            passphrase, or cannot be read or written.
    """
    if not path.exists():
        create_key_file(path, make_signing_key().to_pem())
    return load_signing_key(path)


def load_signing_key(path: Path) -> SigningKey:
    """The key in the file.

    Raises:
        KeyFileError: See :func:`load_or_create_signing_key`.
    """
    return SigningKey(_parse(path, read_key_file(path)))


def _parse(path: Path, pem: bytes) -> Ed25519PrivateKey:
    problem = "is not an Ed25519 private key in PKCS#8 PEM without a passphrase"
    if not pem.lstrip().startswith(b"-----BEGIN PRIVATE KEY-----"):
        raise KeyFileError(path, problem)
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(path, problem) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(path, problem)
    return key


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
