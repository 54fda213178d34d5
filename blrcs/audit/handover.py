"""One key of the audit log hands over to the next, and both say so.

``{"old": JWK, "new": JWK, "time": …, "signature": …, "countersignature": …}``: the old key signs
it, so that whoever trusts the old key may trust the new one; and the new key does, so that whoever
knows the new one alone may verify what the old one has signed.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from blrcs.audit.checkpoint import key_of
from blrcs.domain.instant import from_instant
from blrcs.security.signing_keys import SigningKey, jwk_of

PURPOSE = b"blrcs audit handover 1\n"


@dataclass(frozen=True, slots=True)
class Handover:
    """A handover that both keys have signed.

    Attributes:
        values: As it is written.
        old: The key's thumbprint; ``new`` is that of the other.
        old_key: The key; ``new_key`` is the other.
    """

    values: Mapping[str, Any]
    old: str
    new: str
    old_key: Ed25519PublicKey
    new_key: Ed25519PublicKey

    @classmethod
    def make(cls, old: SigningKey, new: SigningKey, time: str) -> Self:
        """From one to the other, at an instant."""
        (old_jwk,), (new_jwk,) = old.jwks(), new.jwks()
        content = _content(old_jwk, new_jwk, time)
        values = {
            "old": _short(old_jwk),
            "new": _short(new_jwk),
            "time": time,
            "signature": base64.b64encode(old.private_key.sign(content)).decode(),
            "countersignature": base64.b64encode(new.private_key.sign(content)).decode(),
        }
        keys = old.private_key.public_key(), new.private_key.public_key()
        return cls(values, old.kid, new.kid, *keys)

    @classmethod
    def read(cls, values: Any) -> Self | None:
        """What is written; None where it is no handover, or one of them has not signed it."""
        try:
            old, new = key_of(values["old"]), key_of(values["new"])
            content = _content(values["old"], values["new"], values["time"])
            old.verify(base64.b64decode(values["signature"], validate=True), content)
            from_instant(values["time"])
            new.verify(base64.b64decode(values["countersignature"], validate=True), content)
        except (KeyError, TypeError, AttributeError, ValueError, InvalidSignature):
            return None
        return cls(values, jwk_of(old)["kid"], jwk_of(new)["kid"], old, new)


def _short(jwk: Mapping[str, str]) -> dict[str, str]:
    return {name: jwk[name] for name in ("kty", "crv", "x")}


def _content(old: Mapping[str, str], new: Mapping[str, str], time: str) -> bytes:
    return PURPOSE + f"{old['x']}\n{new['x']}\n{time}".encode()
