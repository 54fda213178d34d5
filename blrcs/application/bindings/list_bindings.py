"""Listing bindings."""

from blrcs.application.access.list_after import list_after
from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.access_name import BINDINGS
from blrcs.domain.binding import Binding


class ListBindings:
    """Lists bindings in the order of their names."""

    def __init__(self, *, rules: AccessRules, page_tokens: PageTokens) -> None:
        self._rules = rules
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest) -> Page[Binding]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        after = self._page_tokens.redeem(BINDINGS, request.page_token)
        listed = list_after(self._rules.policy.bindings, after, request.limit + 1)
        return cut_page(
            listed, request, query=BINDINGS, tokens=self._page_tokens, cursor=lambda each: each.name
        )
