"""Page tokens that cannot be made up or carried over to another query."""

import base64
import binascii
import hashlib
import hmac

from blrcs.domain.errors import InvalidArgumentError

MAC_BYTES = 16


class SignedPageTokens:
    """Implements the PageTokens port: the cursor in the clear, bound to its query by HMAC-SHA-256.

    Args:
        secret: At least 32 random bytes. Tokens issued under another secret are refused.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < hashlib.sha256().digest_size:
            raise ValueError("a page token secret has at least 32 bytes")
        self._secret = secret

    def issue(self, query: str, cursor: str) -> str:
        """See :class:`blrcs.application.ports.page_tokens.PageTokens`."""
        body = cursor.encode()
        return base64.urlsafe_b64encode(self._mac(query, body) + body).rstrip(b"=").decode()

    def redeem(self, query: str, token: str) -> str:
        """See :class:`blrcs.application.ports.page_tokens.PageTokens`."""
        if not token:
            return ""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            cursor = raw[MAC_BYTES:].decode()
        except (binascii.Error, ValueError):
            raise self._refusal from None
        if not hmac.compare_digest(raw[:MAC_BYTES], self._mac(query, raw[MAC_BYTES:])):
            raise self._refusal
        return cursor

    @property
    def _refusal(self) -> InvalidArgumentError:
        return InvalidArgumentError(
            "page_token", "was not issued for this query", reason="PAGE_TOKEN_INVALID"
        )

    def _mac(self, query: str, body: bytes) -> bytes:
        message = len(query).to_bytes(8, "big") + query.encode() + body
        return hmac.digest(self._secret, message, "sha256")[:MAC_BYTES]
