"""Listing a tenant's collections."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.application.ports.records import CollectionRepository
from blrcs.domain.collection import Collection
from blrcs.domain.record_name import COLLECTIONS, TENANTS


class ListCollections:
    """Lists a tenant's collections in the order of their ids."""

    def __init__(self, *, collections: CollectionRepository, page_tokens: PageTokens) -> None:
        self._collections = collections
        self._page_tokens = page_tokens

    async def __call__(self, tenant: str, request: PageRequest) -> Page[Collection]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        query = f"{TENANTS}/{tenant}/{COLLECTIONS}"
        after = self._page_tokens.redeem(query, request.page_token)
        found = await self._collections.list_after(tenant, after, request.limit + 1)
        return cut_page(
            found,
            request,
            query=query,
            tokens=self._page_tokens,
            cursor=lambda collection: collection.key.collection,
        )
