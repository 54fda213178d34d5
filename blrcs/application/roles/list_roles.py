"""Listing roles."""

from blrcs.application.access.list_after import list_after
from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.access_name import ROLES, owned_by
from blrcs.domain.role import Role


class ListRoles:
    """Lists roles in the order of their names."""

    def __init__(self, *, rules: AccessRules, page_tokens: PageTokens) -> None:
        self._rules = rules
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest, *, home: str) -> Page[Role]:
        """A page of those that the tenant ``home`` owns, or of those that none does.

        InvalidArgumentError for a token from elsewhere.
        """
        query = f"{home}/{ROLES}" if home else ROLES
        after = self._page_tokens.redeem(query, request.page_token)
        owned = owned_by(home, self._rules.policy.all_roles)
        listed = list_after(owned, after, request.limit + 1)
        return cut_page(
            listed, request, query=query, tokens=self._page_tokens, cursor=lambda each: each.name
        )
