"""Listing bindings."""

from blrcs.application.access.list_after import list_after
from blrcs.application.bindings.parent import is_within
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

    async def __call__(self, request: PageRequest, *, parent: str) -> Page[Binding]:
        """A page of those for the parent and below it.

        InvalidArgumentError for a token from elsewhere.
        """
        query = f"{parent}/{BINDINGS}" if parent else BINDINGS
        after = self._page_tokens.redeem(query, request.page_token)
        within = {
            name: binding
            for name, binding in self._rules.policy.bindings.items()
            if is_within(binding, parent)
        }
        listed = list_after(within, after, request.limit + 1)
        return cut_page(
            listed, request, query=query, tokens=self._page_tokens, cursor=lambda each: each.name
        )
