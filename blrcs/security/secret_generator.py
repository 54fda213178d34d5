"""Ids, tokens and passwords that nobody can guess."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Sequence

from blrcs.application.ports.credentials import ApiKeySecret
from blrcs.domain.session import RefreshToken
from blrcs.security.api_key_secrets import generate_api_key, hash_api_key

RESOURCE_ID_BYTES = 8
MOMENT_DIGITS = 12
"""48 bits of milliseconds last for some 8,900 years."""
NS_PER_MS = 1_000_000
SESSION_ID_BYTES = 16
REFRESH_TOKEN_BYTES = 32
PASSWORD_BYTES = 15
CHALLENGE_ID_BYTES = 32


class RandomSecretGenerator:
    """Implements the SecretGenerator port.

    Args:
        random: Gives as many unpredictable bytes as it is asked for.
    """

    def __init__(self, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._random = random

    def resource_id(self) -> str:
        """See the port: sixteen hexadecimal digits."""
        return self._random(RESOURCE_ID_BYTES).hex()

    def ordered_ids(self, now_ns: int, count: int) -> Sequence[str]:
        """See the port: milliseconds in twelve hexadecimal digits (as UUIDv7), then a random id.

        The system is asked once for all.
        """
        if not count:
            return []
        moment = f"{now_ns // NS_PER_MS:0{MOMENT_DIGITS}x}"
        digits = self._random(RESOURCE_ID_BYTES * count).hex()
        size = 2 * RESOURCE_ID_BYTES
        return sorted(
            [moment + digits[start : start + size] for start in range(0, len(digits), size)]
        )

    def session_id(self) -> str:
        """See the port: 128 bits in base64url."""
        return _base64url(self._random(SESSION_ID_BYTES))

    def one_time_password(self) -> str:
        """See the port: 120 bits in groups of lower-case letters and digits, none of 0, 1, 8, 9."""
        letters = base64.b32encode(self._random(PASSWORD_BYTES)).decode().lower()
        return "-".join(letters[start : start + 6] for start in range(0, len(letters), 6))

    def refresh_token(self) -> RefreshToken:
        """See the port: 256 bits in base64url."""
        text = _base64url(self._random(REFRESH_TOKEN_BYTES))
        return RefreshToken(text=text, hash=self.refresh_hash(text))

    def refresh_hash(self, text: str) -> bytes:
        """See the port. A fast hash is enough: nobody can try 256 random bits."""
        return hashlib.sha256(text.encode()).digest()

    def challenge_id(self) -> bytes:
        """See the port: 256 bits."""
        return self._random(CHALLENGE_ID_BYTES)

    def recovery_code(self) -> str:
        """See the port: as a one-time password, so that a fast hash is enough for it."""
        return self.one_time_password()

    def recovery_hash(self, text: str) -> bytes:
        """See the port. Capitals, blanks and hyphens are as people like them."""
        typed = "".join(text.lower().replace("-", " ").split())
        return hashlib.sha256(b"recovery code\0" + typed.encode()).digest()

    def api_key(self) -> ApiKeySecret:
        """See the port."""
        return generate_api_key(self._random)

    def api_key_hash(self, text: str) -> bytes | None:
        """See the port."""
        return hash_api_key(text)


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
