"""Beginning to register a passkey."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from blrcs.application.credentials.begin_totp import ENROLMENT_TTL_NS
from blrcs.application.credentials.own_factors import OwnFactors
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.second_factors import (
    Challenges,
    PasskeyCeremonies,
    SecondFactorRepository,
)
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.second_factor import MAX_PASSKEYS, Challenge, Passkey

PASSKEY_REGISTRATION = "passkey-registration"


@dataclass(frozen=True, slots=True)
class PasskeyRegistration:
    """A challenge for an authenticator.

    Attributes:
        options: What it is to make, as JSON.
        challenge: To be brought back to FinishPasskey with what it has made.
        ttl_ns: How long it is valid from now.
    """

    options: str
    challenge: str = field(repr=False)
    ttl_ns: int


class BeginPasskey:
    """Asks for a passkey that the caller has not registered yet."""

    def __init__(
        self,
        *,
        own_factors: OwnFactors,
        second_factors: SecondFactorRepository,
        ceremonies: PasskeyCeremonies,
        challenges: Challenges,
        secrets: SecretGenerator,
        clock: Clock,
    ) -> None:
        self._own_factors = own_factors
        self._second_factors = second_factors
        self._ceremonies = ceremonies
        self._challenges = challenges
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, actor: str, level: AuthenticationLevel) -> PasskeyRegistration:
        """The challenge.

        Raises:
            FailedPreconditionError: See OwnFactors; or there are to be no passkeys, or no more.
        """
        user_id = await self._own_factors.may_enrol(actor, level)
        known = (await self._second_factors.of_user(user_id)).passkeys
        require_room(known)
        challenge = Challenge(
            purpose=PASSKEY_REGISTRATION,
            id=self._secrets.challenge_id(),
            expire_time_ns=self._clock() + ENROLMENT_TTL_NS,
            user_id=user_id,
        )
        options = self._ceremonies.creation_options(
            user_id, challenge.id, excluded=[each.credential_id for each in known]
        )
        text = await self._challenges.issue(challenge)
        return PasskeyRegistration(options, text, ENROLMENT_TTL_NS)


def require_room(known: Sequence[Passkey]) -> None:
    """Raises FailedPreconditionError where a user has as many passkeys as one may have."""
    if len(known) >= MAX_PASSKEYS:
        raise FailedPreconditionError(
            "TOO_MANY_PASSKEYS", f"a user has {MAX_PASSKEYS} passkeys at most"
        )
