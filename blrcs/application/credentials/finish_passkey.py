"""Registering a passkey."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from blrcs.application.auth.prove_passkey import passkey_refusal
from blrcs.application.credentials.begin_passkey import PASSKEY_REGISTRATION, require_room
from blrcs.application.credentials.own_factors import OwnFactors
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.second_factors import (
    Challenges,
    PasskeyCeremonies,
    SecondFactorRepository,
)
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.second_factor import RECOVERY_CODES, Passkey


@dataclass(frozen=True, slots=True)
class RegisteredPasskey:
    """A passkey, and with the first factor recovery codes to be shown once."""

    passkey: Passkey
    recovery_codes: Sequence[str] = field(repr=False)


class FinishPasskey:
    """Stores what an authenticator has made."""

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

    async def __call__(
        self,
        actor: str,
        level: AuthenticationLevel,
        *,
        challenge: str,
        credential: str,
        display_name: str,
    ) -> RegisteredPasskey:
        """The passkey.

        Raises:
            UnauthenticatedError: The challenge is not valid, another user's, or was used before;
                or the credential does not answer it, or is registered already.
            FailedPreconditionError: See OwnFactors; or there are to be no passkeys, or no more.
        """
        user_id = await self._own_factors.may_enrol(actor, level)
        opened = await self._challenges.open(challenge, purpose=PASSKEY_REGISTRATION)
        made = self._ceremonies.new_credential(credential, opened.id)
        if opened.user_id != user_id or made is None:
            raise passkey_refusal()
        factors = await self._second_factors.of_user(user_id)
        # Many registrations may have been begun while there was room for one.
        require_room(factors.passkeys)
        count = 0 if factors.are_asked_for else RECOVERY_CODES
        recovery = [self._secrets.recovery_code() for _ in range(count)]
        passkey = Passkey(
            id=self._secrets.resource_id(),
            user_id=user_id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            display_name=display_name,
            backed_up=made.backed_up,
            create_time_ns=self._clock(),
        )
        added = await self._second_factors.add_passkey(
            passkey,
            recovery_hashes=[self._secrets.recovery_hash(each) for each in recovery],
            challenge=opened,
        )
        if not added:
            raise passkey_refusal()
        return RegisteredPasskey(passkey, recovery)
