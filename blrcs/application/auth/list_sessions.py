"""Listing a user's sessions."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.identity import SessionRepository, UserRepository
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import SESSIONS, user_name
from blrcs.domain.session import Session


class ListSessions:
    """Lists a user's open sessions, the newest first."""

    def __init__(
        self,
        *,
        users: UserRepository,
        sessions: SessionRepository,
        page_tokens: PageTokens,
        clock: Clock,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._page_tokens = page_tokens
        self._clock = clock

    async def __call__(self, user_id: str, request: PageRequest) -> Page[Session]:
        """A page; NotFoundError without the user, InvalidArgumentError for an alien token."""
        name = user_name(user_id)
        query = f"{name}/{SESSIONS}"
        cursor = self._page_tokens.redeem(query, request.page_token)
        if await self._users.get(user_id) is None:
            raise NotFoundError(name)
        found = await self._sessions.list_before(
            user_id, before=_place(cursor), limit=request.limit + 1, now_ns=self._clock()
        )
        return cut_page(found, request, query=query, tokens=self._page_tokens, cursor=_cursor)


def _cursor(session: Session) -> str:
    return f"{session.create_time_ns}/{session.id}"


def _place(cursor: str) -> tuple[int, str] | None:
    create_time_ns, _, session_id = cursor.partition("/")
    return (int(create_time_ns), session_id) if cursor else None
