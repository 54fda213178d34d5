"""Deleting a user."""

from blrcs.application.own_account import refuse_on_oneself
from blrcs.application.ports.identity import UserRepository
from blrcs.domain.identity_name import user_name


class DeleteUser:
    """Deletes a user and ends its sessions."""

    def __init__(self, *, users: UserRepository) -> None:
        self._users = users

    async def __call__(self, user_id: str, *, etag: str, actor: str) -> None:
        """Deletes it.

        Raises:
            FailedPreconditionError: ``actor`` would delete itself, or nobody enabled would be
                left as administrator.
            NotFoundError: There is no such user.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        refuse_on_oneself(actor, user_name(user_id), "delete")
        await self._users.delete(user_id, etag=etag)
