"""Listing service accounts."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.identity import ServiceAccountRepository
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.identity_name import SERVICE_ACCOUNTS
from blrcs.domain.service_account import ServiceAccount


class ListServiceAccounts:
    """Lists service accounts in the order of their ids."""

    def __init__(self, *, accounts: ServiceAccountRepository, page_tokens: PageTokens) -> None:
        self._accounts = accounts
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest) -> Page[ServiceAccount]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        after = self._page_tokens.redeem(SERVICE_ACCOUNTS, request.page_token)
        found = await self._accounts.list_after(after, request.limit + 1)
        return cut_page(
            found,
            request,
            query=SERVICE_ACCOUNTS,
            tokens=self._page_tokens,
            cursor=lambda account: account.id,
        )
