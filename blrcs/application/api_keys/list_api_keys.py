"""Listing API keys."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.identity import ApiKeyRepository, ServiceAccountRepository
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.api_key import ApiKey
from blrcs.domain.errors import NotFoundError
from blrcs.domain.identity_name import API_KEYS, service_account_name


class ListApiKeys:
    """Lists a service account's API keys in the order of their ids."""

    def __init__(
        self,
        *,
        accounts: ServiceAccountRepository,
        api_keys: ApiKeyRepository,
        page_tokens: PageTokens,
    ) -> None:
        self._accounts = accounts
        self._api_keys = api_keys
        self._page_tokens = page_tokens

    async def __call__(self, account_id: str, request: PageRequest) -> Page[ApiKey]:
        """A page; NotFoundError without the account, InvalidArgumentError for an alien token."""
        name = service_account_name(account_id)
        query = f"{name}/{API_KEYS}"
        after = self._page_tokens.redeem(query, request.page_token)
        if await self._accounts.get(account_id) is None:
            raise NotFoundError(name)
        found = await self._api_keys.list_after(account_id, after, request.limit + 1)
        return cut_page(
            found, request, query=query, tokens=self._page_tokens, cursor=lambda key: key.id
        )
