"""Ending a session from elsewhere."""

from blrcs.application.ports.identity import SessionRepository
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import session_name


class RevokeSession:
    """Ends a session; its tokens are refused from then on."""

    def __init__(self, *, sessions: SessionRepository) -> None:
        self._sessions = sessions

    async def __call__(self, user_id: str, session_id: str) -> None:
        """Ends it; NotFoundError if the user has no such session."""
        if not await self._sessions.end(user_id, session_id):
            raise NotFoundError(session_name(user_id, session_id))
