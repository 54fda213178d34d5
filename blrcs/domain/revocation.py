"""What is refused before it expires, beside sessions."""

from dataclasses import dataclass
from typing import Literal

RevokedKind = Literal["key", "token", "subject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Tokens of one issuer that are accepted no longer.

    Attributes:
        kind: Whether all that a key has signed, one token, or all that were issued to a subject
            until ``time_ns``.
        issuer: The ``iss`` of the tokens.
        name: The ``kid`` of the key, the ``jti`` of the token or the ``sub`` of the subject.
        time_ns: When it was revoked.
        expire_time_ns: From when on no such token can be valid any more.
    """

    kind: RevokedKind
    issuer: str
    name: str
    time_ns: int
    expire_time_ns: int
