"""A way back for who has lost its second factors."""

from blrcs.application.own_account import refuse_on_oneself
from blrcs.application.ports.identity import UserRepository
from blrcs.application.ports.second_factors import SecondFactorRepository
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import user_name


class ResetCredentials:
    """Removes all of a user's second factors and ends its sessions."""

    def __init__(self, *, users: UserRepository, second_factors: SecondFactorRepository) -> None:
        self._users = users
        self._second_factors = second_factors

    async def __call__(self, user_id: str, *, actor: str) -> None:
        """Removes them.

        Raises:
            FailedPreconditionError: ``actor`` would reset its own.
            NotFoundError: There is no such user.
        """
        name = user_name(user_id)
        refuse_on_oneself(actor, name, "reset the credentials of")
        if await self._users.get(user_id) is None:
            raise NotFoundError(name)
        await self._second_factors.reset(user_id)
