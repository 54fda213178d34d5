"""Beginning to enrol an authenticator."""

from dataclasses import dataclass, field

from blrcs.application.credentials.own_factors import OwnFactors
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.second_factors import Challenges, TimeCodes
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.second_factor import Challenge

TOTP_ENROLMENT = "totp-enrolment"
ENROLMENT_TTL_NS = 10 * 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class TotpEnrolment:
    """A secret to be shared, shown this once.

    Attributes:
        challenge: To be brought back to ConfirmTotp with a code.
        ttl_ns: How long it is valid from now.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    challenge: str = field(repr=False)
    ttl_ns: int


class BeginTotp:
    """Makes up a secret, which nothing is stored of before it is confirmed."""

    def __init__(
        self,
        *,
        own_factors: OwnFactors,
        codes: TimeCodes,
        challenges: Challenges,
        secrets: SecretGenerator,
        clock: Clock,
    ) -> None:
        self._own_factors = own_factors
        self._codes = codes
        self._challenges = challenges
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, actor: str, level: AuthenticationLevel) -> TotpEnrolment:
        """The secret. Raises FailedPreconditionError, as OwnFactors does."""
        user_id = await self._own_factors.may_enrol(actor, level)
        secret = self._codes.new_secret()
        challenge = Challenge(
            purpose=TOTP_ENROLMENT,
            id=self._secrets.challenge_id(),
            expire_time_ns=self._clock() + ENROLMENT_TTL_NS,
            user_id=user_id,
            secret=secret,
        )
        return TotpEnrolment(
            secret=self._codes.text(secret),
            uri=self._codes.uri(secret, user_id),
            challenge=await self._challenges.issue(challenge),
            ttl_ns=ENROLMENT_TTL_NS,
        )
