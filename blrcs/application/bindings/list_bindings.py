"""Listing bindings."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.access import BindingReader
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.binding import BINDINGS, Binding


class ListBindings:
    """Lists bindings in the order of their ids."""

    def __init__(self, *, bindings: BindingReader, page_tokens: PageTokens) -> None:
        self._bindings = bindings
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest) -> Page[Binding]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        after = self._page_tokens.redeem(BINDINGS, request.page_token)
        found = await self._bindings.list_after(after, request.limit + 1)
        return cut_page(
            found, request, query=BINDINGS, tokens=self._page_tokens, cursor=lambda each: each.id
        )
