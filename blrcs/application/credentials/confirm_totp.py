"""Enrolling an authenticator."""

from collections.abc import Sequence

from blrcs.application.auth.prove_second_factor import totp_context
from blrcs.application.credentials.begin_totp import TOTP_ENROLMENT
from blrcs.application.credentials.own_factors import OwnFactors
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.second_factors import (
    Challenges,
    SecondFactorRepository,
    SecretSealer,
    TimeCodes,
)
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.errors import InvalidArgumentError, UnauthenticatedError
from blrcs.domain.second_factor import RECOVERY_CODES, TotpSecret


class ConfirmTotp:
    """Stores the secret of an authenticator that has proven to have it."""

    def __init__(
        self,
        *,
        own_factors: OwnFactors,
        second_factors: SecondFactorRepository,
        codes: TimeCodes,
        challenges: Challenges,
        sealer: SecretSealer,
        secrets: SecretGenerator,
        clock: Clock,
    ) -> None:
        self._own_factors = own_factors
        self._second_factors = second_factors
        self._codes = codes
        self._challenges = challenges
        self._sealer = sealer
        self._secrets = secrets
        self._clock = clock

    async def __call__(
        self, actor: str, level: AuthenticationLevel, *, challenge: str, code: str
    ) -> Sequence[str]:
        """Recovery codes, to be shown once; the code that confirms can sign nobody in.

        Raises:
            UnauthenticatedError: The challenge is not valid, another user's, or was used before.
            InvalidArgumentError: The code is wrong.
            FailedPreconditionError: See OwnFactors; or the server's key cannot be used.
        """
        user_id = await self._own_factors.may_enrol(actor, level)
        opened = await self._challenges.open(challenge, purpose=TOTP_ENROLMENT)
        if opened.user_id != user_id:
            raise _refusal()
        now_ns = self._clock()
        step = self._codes.step_of(opened.secret, code, now_ns)
        if step is None:
            raise InvalidArgumentError("code", "is wrong", reason="CODE_WRONG")
        recovery = [self._secrets.recovery_code() for _ in range(RECOVERY_CODES)]
        secret = TotpSecret(
            user_id=user_id,
            sealed=await self._sealer.seal(totp_context(user_id), opened.secret),
            last_step=step,
            create_time_ns=now_ns,
        )
        enrolled = await self._second_factors.enrol_totp(
            secret,
            recovery_hashes=[self._secrets.recovery_hash(each) for each in recovery],
            challenge=opened,
        )
        if not enrolled:
            raise _refusal()
        return recovery


def _refusal() -> UnauthenticatedError:
    return UnauthenticatedError(
        "CHALLENGE_INVALID", "the enrolment is not valid, or valid no more: begin again"
    )
