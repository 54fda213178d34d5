"""Listing roles."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.access import RoleReader
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.builtin_roles import BUILTIN_ROLES
from blrcs.domain.role import ROLES, Role


class ListRoles:
    """Lists roles in the order of their ids, built-in ones among them."""

    def __init__(self, *, roles: RoleReader, page_tokens: PageTokens) -> None:
        self._roles = roles
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest) -> Page[Role]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        after = self._page_tokens.redeem(ROLES, request.page_token)
        stored = await self._roles.list_after(after, request.limit + 1)
        builtin = (role for role in BUILTIN_ROLES.values() if role.id > after)
        found = sorted((*stored, *builtin), key=lambda role: role.id)[: request.limit + 1]
        return cut_page(
            found, request, query=ROLES, tokens=self._page_tokens, cursor=lambda role: role.id
        )
