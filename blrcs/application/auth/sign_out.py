"""Signing out."""

from blrcs.application.ports.identity import SessionRepository
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.identity_name import is_user_name, user_id_in


class SignOut:
    """Ends the session that the caller's token belongs to."""

    def __init__(self, *, sessions: SessionRepository) -> None:
        self._sessions = sessions

    async def __call__(self, actor: str, session_id: str) -> None:
        """Ends it, if it has not ended by itself.

        Raises:
            FailedPreconditionError: The caller's token belongs to no session.
        """
        if not session_id or not is_user_name(actor):
            raise FailedPreconditionError("NO_SESSION", "the token belongs to no session")
        await self._sessions.end(user_id_in(actor), session_id)
