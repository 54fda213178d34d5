"""The proof that somebody has a passkey."""

from dataclasses import dataclass, replace

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.second_factors import PasskeyCeremonies, SecondFactorRepository
from blrcs.domain.authentication import Authentication, by_passkey
from blrcs.domain.errors import UnauthenticatedError
from blrcs.domain.second_factor import Challenge, Passkey


@dataclass(frozen=True, slots=True)
class PasskeyProof:
    """Whose passkey it was, and what it proves."""

    user_id: str
    authentication: Authentication


class ProvePasskey:
    """Verifies what a passkey has signed, and uses the challenge up.

    There is nothing to guess, so that no failures are counted: nobody is kept waiting by others.
    """

    def __init__(
        self,
        *,
        second_factors: SecondFactorRepository,
        ceremonies: PasskeyCeremonies,
        clock: Clock,
    ) -> None:
        self._second_factors = second_factors
        self._ceremonies = ceremonies
        self._clock = clock

    async def __call__(
        self, response: str, challenge: Challenge, *, user_id: str = ""
    ) -> PasskeyProof:
        """The proof; with a ``user_id`` that of this user alone.

        Raises:
            UnauthenticatedError: The response does not answer the challenge, or its passkey is
                unknown or somebody else's.
            FailedPreconditionError: There are to be no passkeys.
        """
        stored = await self._stored(response)
        # What is wrong is found out by the time that it takes no more than by the answer.
        assertion = self._ceremonies.assertion(response, challenge.id, stored)
        if stored is None or assertion is None or (user_id and stored.user_id != user_id):
            raise passkey_refusal()
        now_ns = self._clock()
        used = replace(
            stored,
            sign_count=assertion.sign_count,
            backed_up=assertion.backed_up,
            use_time_ns=now_ns,
        )
        if not await self._second_factors.use_passkey(used, challenge):
            raise passkey_refusal()
        authentication = by_passkey(
            backed_up=assertion.backed_up,
            beside_password=bool(challenge.user_id),
            time_ns=now_ns,
        )
        return PasskeyProof(stored.user_id, authentication)

    async def _stored(self, response: str) -> Passkey | None:
        credential_id = self._ceremonies.credential_id_in(response)
        if credential_id is None:
            return None
        return await self._second_factors.find_passkey(credential_id)


def passkey_refusal() -> UnauthenticatedError:
    """Says no more than that it will not do."""
    return UnauthenticatedError("PASSKEY_INVALID", "the passkey does not answer the challenge")
