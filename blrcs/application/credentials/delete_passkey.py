"""Removing a passkey."""

from blrcs.application.ports.second_factors import SecondFactorRepository
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import passkey_name


class DeletePasskey:
    """Removes a passkey."""

    def __init__(self, *, second_factors: SecondFactorRepository) -> None:
        self._second_factors = second_factors

    async def __call__(self, user_id: str, passkey_id: str) -> None:
        """Removes it; NotFoundError if there is none."""
        if not await self._second_factors.remove_passkey(user_id, passkey_id):
            raise NotFoundError(passkey_name(user_id, passkey_id))
