"""Removing an authenticator."""

from blrcs.application.credentials.own_factors import own_user_id
from blrcs.application.ports.second_factors import SecondFactorRepository
from blrcs.domain.errors import FailedPreconditionError


class DisableTotp:
    """Removes the caller's authenticator."""

    def __init__(self, *, second_factors: SecondFactorRepository) -> None:
        self._second_factors = second_factors

    async def __call__(self, actor: str) -> None:
        """Removes it.

        Raises:
            FailedPreconditionError: The caller is no user, or has none.
        """
        if not await self._second_factors.remove_totp(own_user_id(actor)):
            raise FailedPreconditionError("NO_SECOND_FACTOR", "there is no authenticator")
