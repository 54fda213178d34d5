"""Publishing the keys that verify access tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blrcs.application.ports.credentials import PublicKeys


@dataclass(frozen=True, slots=True)
class Jwks:
    """Each key as the members of a JSON Web Key (RFC 7517), and how long they may be kept."""

    keys: Sequence[Mapping[str, str]]
    max_age_ns: int


class GetJwks:
    """Shows the public keys: those that verify, and those that are to sign.

    Args:
        keys: What is shown.
        max_age_ns: Less than the time for which a key is published before it signs.
    """

    def __init__(self, *, keys: PublicKeys, max_age_ns: int) -> None:
        self._keys = keys
        self._max_age_ns = max_age_ns

    async def __call__(self) -> Jwks:
        """What is published now."""
        return Jwks(self._keys.jwks(), self._max_age_ns)
