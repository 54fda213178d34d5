"""Getting a user."""

from blrcs.application.ports.identity import UserRepository
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import user_name
from blrcs.domain.user import User


class GetUser:
    """Gets a user by id."""

    def __init__(self, *, users: UserRepository) -> None:
        self._users = users

    async def __call__(self, user_id: str) -> User:
        """The user; NotFoundError if there is none."""
        user = await self._users.get(user_id)
        if user is None:
            raise NotFoundError(user_name(user_id))
        return user
