"""Listing users."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.identity import UserRepository
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.identity_name import USERS
from blrcs.domain.user import User


class ListUsers:
    """Lists users in the order of their ids."""

    def __init__(self, *, users: UserRepository, page_tokens: PageTokens) -> None:
        self._users = users
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest) -> Page[User]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        after = self._page_tokens.redeem(USERS, request.page_token)
        found = await self._users.list_after(after, request.limit + 1)
        return cut_page(
            found, request, query=USERS, tokens=self._page_tokens, cursor=lambda user: user.id
        )
