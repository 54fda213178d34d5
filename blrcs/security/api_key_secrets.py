"""The text of API keys: ``blrcs_``, eleven characters to know one by, the secret, a checksum.

The fixed beginning and the checksum let scanners find a key that leaked into a repository, and
refuse a mistyped one without a look into the database. All characters are of base 62, so that a
double click selects a key as a whole.
"""

import hashlib
import re
import zlib
from collections.abc import Callable

from blrcs.application.ports.credentials import ApiKeySecret

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_BYTES = 8
ID_LENGTH = 11
SECRET_BYTES = 32
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6

_FORM = re.compile(
    rf"blrcs_[0-9A-Za-z]{{{ID_LENGTH}}}_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}"
)


def generate_api_key(random: Callable[[int], bytes]) -> ApiKeySecret:
    """A key with 256 bits of secret from ``random``."""
    prefix = f"blrcs_{_base62(random(ID_BYTES), ID_LENGTH)}"
    body = f"{prefix}_{_base62(random(SECRET_BYTES), SECRET_LENGTH)}"
    text = body + _checksum(body)
    return ApiKeySecret(text, prefix, _hash(text))


def hash_api_key(text: str) -> bytes | None:
    """SHA-256 of a key; None for text that is not of the form or has a wrong checksum.

    A fast hash is enough: nobody can try 256 random bits.
    """
    if _FORM.fullmatch(text) is None:
        return None
    body, checksum = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
    return _hash(text) if checksum == _checksum(body) else None


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()).to_bytes(4, "big"), CHECKSUM_LENGTH)


def _base62(octets: bytes, length: int) -> str:
    number = int.from_bytes(octets, "big")
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
