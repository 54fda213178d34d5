"""The signing keys as a running server has them."""

from collections.abc import Mapping, Sequence

from blrcs.application.ports.clock import Clock
from blrcs.security.key_directory import KeyDirectory
from blrcs.security.signing_keys import SigningKey
from blrcs_native.tokens.keys import Keyset, VerificationKey


class KeyRing:
    """Implements PublicKeys and SigningKeys by what the directory said when it was last read.

    Raises KeyFileError where the directory cannot be used.
    """

    def __init__(self, directory: KeyDirectory, *, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._verifying: dict[str, VerificationKey] = {}
        directory.make()
        self._stamp = directory.stamp()
        self._stored = directory.read()

    @property
    def retired(self) -> list[str]:
        """The ids of the keys that were withdrawn."""
        return [key.kid for key in self._stored.schedule.keys if key.is_retired]

    def signer(self) -> SigningKey:
        """The key that signs now."""
        return self._stored.by_kid[self._stored.schedule.signer(self._clock()).kid]

    def jwks(self) -> Sequence[Mapping[str, str]]:
        """See the port."""
        return [jwk for key in self._published() for jwk in key.jwks()]

    def keyset(self) -> Keyset:
        """The keys to verify with; of those that were there before, the same objects."""
        self._verifying = {
            key.kid: self._verifying.get(key.kid) or VerificationKey.from_jwk(key.jwks()[0])
            for key in self._published()
        }
        return Keyset(self._verifying.values())

    def refresh(self) -> bool:
        """Reads the directory again where it has changed, and says whether it had."""
        stamp = self._directory.stamp()
        if stamp == self._stamp:
            return False
        self._stored = self._directory.read(self._stored.by_kid)
        self._stamp = stamp
        return True

    def next_rotation_ns(self, interval_ns: int) -> int:
        """When the newest key will have signed for so long."""
        return max(key.sign_time_ns for key in self._stored.schedule.keys) + interval_ns

    def _published(self) -> list[SigningKey]:
        published = self._stored.schedule.published(self._clock())
        return [self._stored.by_kid[key.kid] for key in published]
