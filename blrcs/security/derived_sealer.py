"""Secrets encrypted by a key that is derived from another one."""

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from blrcs.domain.errors import FailedPreconditionError

VERSION = b"\x01"
KEY_BYTES = 32
NONCE_BYTES = 12


class DerivedSealer:
    """Implements the SecretSealer port: AES-256-GCM, the key by HKDF-SHA-256 (RFC 5869).

    A nonce is 96 random bits: a key may seal 2^32 values (NIST SP 800-38D, section 8.3).

    Args:
        master: Gives the key to derive from, when it is first needed.
        purpose: What it is for; another purpose has another key.
        random: Gives as many unpredictable bytes as it is asked for.
    """

    def __init__(
        self,
        master: Callable[[], Awaitable[bytes]],
        *,
        purpose: str,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._master = master
        self._purpose = purpose
        self._random = random
        self._cipher: AESGCM | None = None

    async def seal(self, context: Sequence[str], value: bytes) -> bytes:
        """See the port."""
        cipher = await self._prepared()
        nonce = self._random(NONCE_BYTES)
        return VERSION + nonce + cipher.encrypt(nonce, value, _place(context))

    async def open(self, context: Sequence[str], sealed: bytes) -> bytes:
        """See the port."""
        cipher = await self._prepared()
        start = len(VERSION) + NONCE_BYTES
        if not sealed.startswith(VERSION):
            raise _unreadable()
        nonce = sealed[len(VERSION) : start]
        try:
            return cipher.decrypt(nonce, sealed[start:], _place(context))
        except (InvalidTag, ValueError):
            raise _unreadable() from None

    async def _prepared(self) -> AESGCM:
        if self._cipher is None:
            info = f"blrcs {self._purpose}".encode()
            derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info)
            self._cipher = AESGCM(derivation.derive(await self._master()))
        return self._cipher


def _place(context: Sequence[str]) -> bytes:
    """The names, so that no others look the same together."""
    return json.dumps(list(context)).encode()


def _unreadable() -> FailedPreconditionError:
    return FailedPreconditionError(
        "SECRET_UNREADABLE", "what is encrypted was altered, or by another key"
    )
