"""Publishing the keys that verify access tokens."""

from collections.abc import Mapping, Sequence

from blrcs.application.ports.credentials import PublicKeys


class GetJwks:
    """Shows the public keys."""

    def __init__(self, *, keys: PublicKeys) -> None:
        self._keys = keys

    async def __call__(self) -> Sequence[Mapping[str, str]]:
        """Each key as the members of a JSON Web Key (RFC 7517)."""
        return self._keys.jwks()
