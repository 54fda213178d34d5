"""The form of sealed values, made and taken apart around the calls of AES-GCM."""

from collections.abc import Callable
from typing import TypeAlias, final

Aead: TypeAlias = Callable[[bytes, bytes, bytes], bytes]
"""Takes a nonce, a text and associated data."""

@final
class FieldSeal:
    """One derived key of AES-256-GCM. A sealed value is the head, a nonce, and what came of it.

    The associated data are the head, a prefix and a name, one behind the other.

    Args:
        head: What values begin with that this key has sealed.
        encrypt: The key's, as ``AESGCM.encrypt`` of ``cryptography``.
        decrypt: Likewise.
        most: How many values it seals.
        random: Gives nonces in the place of the kernel, for tests.
    """

    def __init__(
        self,
        head: bytes,
        encrypt: Aead,
        decrypt: Aead,
        *,
        most: int,
        random: Callable[[int], bytes] | None = None,
    ) -> None: ...
    def seal(self, prefix: bytes, name: str, value: bytes) -> bytes | None:
        """The value, sealed under a random nonce; None where it has sealed as many as it may."""
    def open(self, prefix: bytes, name: str, sealed: bytes) -> bytes:
        """What was sealed; ValueError where another key did it, or what ``decrypt`` raises."""
    def has_sealed(self, sealed: bytes) -> bool:
        """Whether a value begins with the head, and has a nonce behind it."""
