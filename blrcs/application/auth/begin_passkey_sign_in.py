"""Asking for a passkey."""

from dataclasses import dataclass, field

from blrcs.application.auth.sign_in import CHALLENGE_TTL_NS, SIGN_IN
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.second_factors import Challenges, PasskeyCeremonies
from blrcs.domain.second_factor import Challenge


@dataclass(frozen=True, slots=True)
class PasskeyAsked:
    """A challenge to be answered by a passkey, whosever it is."""

    challenge: str = field(repr=False)
    ttl_ns: int
    options: str


class BeginPasskeySignIn:
    """Puts a challenge to whoever it may be: it says nothing about any user."""

    def __init__(
        self,
        *,
        ceremonies: PasskeyCeremonies,
        challenges: Challenges,
        secrets: SecretGenerator,
        clock: Clock,
    ) -> None:
        self._ceremonies = ceremonies
        self._challenges = challenges
        self._secrets = secrets
        self._clock = clock

    async def __call__(self) -> PasskeyAsked:
        """The challenge; FailedPreconditionError where there are to be no passkeys."""
        challenge = Challenge(
            purpose=SIGN_IN,
            id=self._secrets.challenge_id(),
            expire_time_ns=self._clock() + CHALLENGE_TTL_NS,
        )
        options = self._ceremonies.request_options(challenge.id)
        return PasskeyAsked(await self._challenges.issue(challenge), CHALLENGE_TTL_NS, options)
