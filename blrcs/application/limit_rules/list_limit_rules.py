"""Listing limit rules."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.limits import LimitRules
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.limit_rule import COLLECTION, LimitRule


class ListLimitRules:
    """Lists rules in the order of their ids."""

    def __init__(self, *, rules: LimitRules, page_tokens: PageTokens) -> None:
        self._rules = rules
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest) -> Page[LimitRule]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        after = self._page_tokens.redeem(COLLECTION, request.page_token)
        found = await self._rules.list_after(after, request.limit + 1)
        return cut_page(
            found, request, query=COLLECTION, tokens=self._page_tokens, cursor=lambda rule: rule.id
        )
