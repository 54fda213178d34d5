"""The proof that somebody has a user's second factor."""

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator, SignInThrottle
from blrcs.application.ports.second_factors import (
    SecondFactorRepository,
    SecretSealer,
    TimeCodes,
)
from blrcs.domain.authentication import ONE_TIME_PASSWORD, RECOVERY_CODE
from blrcs.domain.errors import (
    FailedPreconditionError,
    ResourceExhaustedError,
    UnauthenticatedError,
)
from blrcs.domain.second_factor import Challenge, FactorProof, TotpSecret

NO_STEP = 0
"""Every authenticator has used it."""


def totp_context(user_id: str) -> tuple[str, ...]:
    """What a user's sealed secret is bound to."""
    return ("totp", user_id)


class ProveSecondFactor:
    """Verifies a code, which is used up with it."""

    def __init__(
        self,
        *,
        second_factors: SecondFactorRepository,
        codes: TimeCodes,
        sealer: SecretSealer,
        secrets: SecretGenerator,
        throttle: SignInThrottle,
        clock: Clock,
    ) -> None:
        self._second_factors = second_factors
        self._codes = codes
        self._sealer = sealer
        self._secrets = secrets
        self._throttle = throttle
        self._clock = clock

    async def __call__(
        self,
        user_id: str,
        proof: FactorProof,
        *,
        address: str,
        challenge: Challenge | None = None,
    ) -> str:
        """The method that it was proven by; ``challenge`` is used up with it.

        The attempt is charged before the work, as a password's is, but apart from those.

        Raises:
            UnauthenticatedError: The proof is wrong, or was used before.
            ResourceExhaustedError: Too many failures for the account or from the address.
            FailedPreconditionError: The server cannot open the user's secret; nothing is charged.
        """
        wait_ns = await self._throttle.allow(user_id, address)
        if wait_ns is not None:
            raise ResourceExhaustedError(
                "SIGN_IN_THROTTLED", "too many failed attempts", retry_after_ns=wait_ns
            )
        if proof.totp_code:
            try:
                method, proven = ONE_TIME_PASSWORD, await self._use_code(user_id, proof, challenge)
            except FailedPreconditionError:
                # Nothing was said of the code, so that it was no guess.
                await self._throttle.refund(user_id, address)
                raise
        else:
            method, proven = RECOVERY_CODE, await self._use_recovery(user_id, proof, challenge)
        if not proven:
            raise UnauthenticatedError(
                "SECOND_FACTOR_INVALID", "the code is wrong, or was used before"
            )
        await self._throttle.refund(user_id, address)
        return method

    async def _use_code(
        self, user_id: str, proof: FactorProof, challenge: Challenge | None
    ) -> bool:
        """Compares and asks the database whether the code is wrong, was used, or nobody's."""
        stored = (await self._second_factors.of_user(user_id)).totp
        if stored is None:
            stored = TotpSecret(user_id=user_id, sealed=b"", last_step=NO_STEP, create_time_ns=0)
            secret = self._codes.new_secret()
        else:
            secret = await self._sealer.open(totp_context(user_id), stored.sealed)
        step = self._codes.step_of(secret, proof.totp_code, self._clock())
        return await self._second_factors.use_totp(
            stored, NO_STEP if step is None else step, challenge
        )

    async def _use_recovery(
        self, user_id: str, proof: FactorProof, challenge: Challenge | None
    ) -> bool:
        code_hash = self._secrets.recovery_hash(proof.recovery_code)
        return await self._second_factors.use_recovery_code(user_id, code_hash, challenge)
