"""New recovery codes for old ones."""

from collections.abc import Sequence

from blrcs.application.credentials.own_factors import own_user_id
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.second_factors import SecondFactorRepository
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.second_factor import RECOVERY_CODES


class RegenerateRecoveryCodes:
    """Gives the caller new recovery codes, and makes the others worthless."""

    def __init__(self, *, second_factors: SecondFactorRepository, secrets: SecretGenerator) -> None:
        self._second_factors = second_factors
        self._secrets = secrets

    async def __call__(self, actor: str) -> Sequence[str]:
        """The codes, to be shown once.

        Raises:
            FailedPreconditionError: The caller is no user, or has no second factor.
        """
        user_id = own_user_id(actor)
        if not (await self._second_factors.of_user(user_id)).are_asked_for:
            raise FailedPreconditionError("NO_SECOND_FACTOR", "there is no second factor")
        codes = [self._secrets.recovery_code() for _ in range(RECOVERY_CODES)]
        hashes = [self._secrets.recovery_hash(each) for each in codes]
        await self._second_factors.replace_recovery_codes(user_id, hashes)
        return codes
