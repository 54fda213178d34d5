"""Listing groups."""

from blrcs.application.access.list_after import list_after
from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.access_name import GROUPS
from blrcs.domain.group import Group


class ListGroups:
    """Lists groups in the order of their names."""

    def __init__(self, *, rules: AccessRules, page_tokens: PageTokens) -> None:
        self._rules = rules
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest) -> Page[Group]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        after = self._page_tokens.redeem(GROUPS, request.page_token)
        listed = list_after(self._rules.policy.groups, after, request.limit + 1)
        return cut_page(
            listed, request, query=GROUPS, tokens=self._page_tokens, cursor=lambda each: each.name
        )
