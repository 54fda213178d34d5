"""Puts together what users prove their identity with beside a password."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from blrcs.api.credential_service import CredentialService
from blrcs.api.credential_use_cases import CredentialUseCases
from blrcs.application.auth.prove_passkey import ProvePasskey
from blrcs.application.auth.prove_second_factor import ProveSecondFactor
from blrcs.application.credentials.begin_passkey import BeginPasskey
from blrcs.application.credentials.begin_totp import BeginTotp
from blrcs.application.credentials.confirm_totp import ConfirmTotp
from blrcs.application.credentials.delete_passkey import DeletePasskey
from blrcs.application.credentials.disable_totp import DisableTotp
from blrcs.application.credentials.finish_passkey import FinishPasskey
from blrcs.application.credentials.get_credentials import GetCredentials
from blrcs.application.credentials.own_factors import OwnFactors
from blrcs.application.credentials.regenerate_recovery_codes import RegenerateRecoveryCodes
from blrcs.application.credentials.reset_credentials import ResetCredentials
from blrcs.application.credentials.unlock_user import UnlockUser
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator, SignInThrottle
from blrcs.application.ports.identity import SessionRepository, UserRepository
from blrcs.application.ports.second_factors import (
    Challenges,
    PasskeyCeremonies,
    SecondFactorRepository,
    SecretSealer,
    TimeCodes,
)
from blrcs.assembly.foundation import Foundation
from blrcs.database.repositories.settings import get_or_make
from blrcs.security.challenges import SealedChallenges
from blrcs.security.derived_sealer import DerivedSealer

CHALLENGE_SECRET = "challenge_secret"  # noqa: S105 - the name, not the secret


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialParts:
    """What the use cases about credentials have in common."""

    users: UserRepository
    sessions: SessionRepository
    second_factors: SecondFactorRepository
    codes: TimeCodes
    ceremonies: PasskeyCeremonies
    challenges: Challenges
    sealer: SecretSealer
    secrets: SecretGenerator
    clock: Clock

    def prove_second_factor(self, throttle: SignInThrottle) -> ProveSecondFactor:
        """What verifies second factors."""
        return ProveSecondFactor(
            second_factors=self.second_factors,
            codes=self.codes,
            sealer=self.sealer,
            secrets=self.secrets,
            throttle=throttle,
            clock=self.clock,
        )

    def prove_passkey(self) -> ProvePasskey:
        """What verifies passkeys."""
        return ProvePasskey(
            second_factors=self.second_factors, ceremonies=self.ceremonies, clock=self.clock
        )

    def service(self, throttles: Sequence[SignInThrottle]) -> CredentialService:
        """What is served; ``throttles`` are what keeps users waiting."""
        own_factors = OwnFactors(self.second_factors)
        return CredentialService(
            CredentialUseCases(
                get_credentials=GetCredentials(
                    users=self.users, second_factors=self.second_factors
                ),
                begin_totp=BeginTotp(
                    own_factors=own_factors,
                    codes=self.codes,
                    challenges=self.challenges,
                    secrets=self.secrets,
                    clock=self.clock,
                ),
                confirm_totp=ConfirmTotp(
                    own_factors=own_factors,
                    second_factors=self.second_factors,
                    codes=self.codes,
                    challenges=self.challenges,
                    sealer=self.sealer,
                    secrets=self.secrets,
                    clock=self.clock,
                ),
                disable_totp=DisableTotp(second_factors=self.second_factors),
                begin_passkey=BeginPasskey(
                    own_factors=own_factors,
                    second_factors=self.second_factors,
                    ceremonies=self.ceremonies,
                    challenges=self.challenges,
                    secrets=self.secrets,
                    clock=self.clock,
                ),
                finish_passkey=FinishPasskey(
                    own_factors=own_factors,
                    second_factors=self.second_factors,
                    ceremonies=self.ceremonies,
                    challenges=self.challenges,
                    secrets=self.secrets,
                    clock=self.clock,
                ),
                delete_passkey=DeletePasskey(second_factors=self.second_factors),
                regenerate_recovery_codes=RegenerateRecoveryCodes(
                    second_factors=self.second_factors, secrets=self.secrets
                ),
                reset_credentials=ResetCredentials(
                    users=self.users, second_factors=self.second_factors
                ),
                unlock_user=UnlockUser(
                    users=self.users,
                    sessions=self.sessions,
                    throttles=throttles,
                    clock=self.clock,
                ),
            )
        )


def new_challenges(base: Foundation) -> Challenges:
    """Challenges that every server on the same database can open."""
    master = partial(get_or_make, base.database, CHALLENGE_SECRET, base.secrets.challenge_id)
    return SealedChallenges(DerivedSealer(master, purpose="challenges"), base.clock)
