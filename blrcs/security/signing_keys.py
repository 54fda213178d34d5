"""The key that signs access tokens: an Ed25519 key in a file that only its owner may read."""

import base64
import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "EdDSA"
MAX_FILE_SIZE_BYTES = 16 * 1024
OWNER_ONLY = 0o600


class SigningKeyError(Exception):
    """The key file cannot be used. Its text is one line for a terminal."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


class SigningKey:
    """A private key, and the public half that others verify with. Implements PublicKeys.

    Attributes:
        private_key: Signs.
        kid: The thumbprint of the public key (RFC 7638, RFC 8037 appendix A.3).
    """

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self.private_key = private_key
        x = _base64url(private_key.public_key().public_bytes_raw())
        thumbprint = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()
        self.kid = _base64url(hashlib.sha256(thumbprint).digest())
        self._jwk = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": x,
            "kid": self.kid,
            "alg": ALGORITHM,
            "use": "sig",
        }

    def jwks(self) -> Sequence[Mapping[str, str]]:
        """See the port."""
        return [self._jwk]


def load_or_create_signing_key(path: Path) -> SigningKey:
    """The key in the file; a new one where there is no file.

    A file appears at once and whole, and is durable before its key signs anything. Of two
    processes that create it together, both get the one that came first.

    Raises:
        SigningKeyError: The file can be read by others, is no Ed25519 key in PKCS#8 PEM without a
            passphrase, or cannot be read or written.
    """
    try:
        if not path.exists():
            _create(path)
        return SigningKey(_parse(path, _read(path)))
    except OSError as error:
        raise SigningKeyError(path, f"cannot be used: {error.strerror}") from error


def _create(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as f:
            f.write(pem)
            f.flush()
            os.fsync(f.fileno())
        # A link, unlike a rename, never replaces a key that another process made meanwhile.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path) -> bytes:
    with path.open("rb") as f:
        status = os.fstat(f.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SigningKeyError(path, "is not a file")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(status.st_mode)
            raise SigningKeyError(path, f"is open to others (mode {mode:04o}): chmod 600 it")
        return f.read(MAX_FILE_SIZE_BYTES)


def _parse(path: Path, pem: bytes) -> Ed25519PrivateKey:
    problem = "is not an Ed25519 private key in PKCS#8 PEM without a passphrase"
    if not pem.lstrip().startswith(b"-----BEGIN PRIVATE KEY-----"):
        raise SigningKeyError(path, problem)
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningKeyError(path, problem) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(path, problem)
    return key


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
