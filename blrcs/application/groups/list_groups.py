"""Listing groups."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.access import GroupReader
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.group import GROUPS, Group


class ListGroups:
    """Lists groups in the order of their ids."""

    def __init__(self, *, groups: GroupReader, page_tokens: PageTokens) -> None:
        self._groups = groups
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest) -> Page[Group]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        after = self._page_tokens.redeem(GROUPS, request.page_token)
        found = await self._groups.list_after(after, request.limit + 1)
        return cut_page(
            found, request, query=GROUPS, tokens=self._page_tokens, cursor=lambda each: each.id
        )
