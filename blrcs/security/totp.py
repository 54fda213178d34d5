"""Time-based one-time passwords (RFC 6238): six digits, SHA-1, steps of thirty seconds.

These are what every authenticator can do; RFC 6238 has SHA-256 too, which several of them ignore.
"""

import base64
import hmac
import secrets
from collections.abc import Callable
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

DIGITS = 6
STEP_NS = 30_000_000_000
SECRET_BYTES = 20
STEPS_BESIDE = 1
"""Clocks of authenticators differ: a code of the step before or after is taken as well."""


class Rfc6238Codes:
    """Implements the TimeCodes port.

    Args:
        issuer: What authenticators show beside the user's id.
        random: Gives as many unpredictable bytes as it is asked for.
    """

    def __init__(
        self, *, issuer: str, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._issuer = issuer
        self._random = random

    def new_secret(self) -> bytes:
        """See the port: 160 bits, as RFC 4226 recommends."""
        return self._random(SECRET_BYTES)

    def text(self, secret: bytes) -> str:
        """See the port."""
        return base64.b32encode(secret).decode().rstrip("=")

    def uri(self, secret: bytes, user_id: str) -> str:
        """See the port."""
        label = quote(f"{self._issuer}:{user_id}", safe=":")
        query = {
            "secret": self.text(secret),
            "issuer": self._issuer,
            "algorithm": "SHA1",
            "digits": DIGITS,
            "period": STEP_NS // 1_000_000_000,
        }
        return f"otpauth://totp/{label}?{urlencode(query, quote_via=quote)}"

    def step_of(self, secret: bytes, code: str, now_ns: int) -> int | None:
        """See the port. All steps are compared, whichever fits."""
        codes = HOTP(secret, DIGITS, SHA1(), enforce_key_length=False)  # noqa: S303 - HMAC, see above
        present = now_ns // STEP_NS
        found = None
        for step in range(max(present - STEPS_BESIDE, 0), present + STEPS_BESIDE + 1):
            if hmac.compare_digest(codes.generate(step), code.encode()):
                found = step
        return found
