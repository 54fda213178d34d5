"""What a user has beside a password."""

from blrcs.application.ports.identity import UserRepository
from blrcs.application.ports.second_factors import SecondFactorRepository
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import credentials_name
from blrcs.domain.second_factor import SecondFactors


class GetCredentials:
    """Gets a user's second factors."""

    def __init__(self, *, users: UserRepository, second_factors: SecondFactorRepository) -> None:
        self._users = users
        self._second_factors = second_factors

    async def __call__(self, user_id: str) -> SecondFactors:
        """All that there are; NotFoundError if there is no such user."""
        if await self._users.get(user_id) is None:
            raise NotFoundError(credentials_name(user_id))
        return await self._second_factors.of_user(user_id)
