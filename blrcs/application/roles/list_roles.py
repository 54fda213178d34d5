"""Listing roles."""

from blrcs.application.access.list_after import list_after
from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.access_name import ROLES
from blrcs.domain.role import Role


class ListRoles:
    """Lists roles in the order of their names."""

    def __init__(self, *, rules: AccessRules, page_tokens: PageTokens) -> None:
        self._rules = rules
        self._page_tokens = page_tokens

    async def __call__(self, request: PageRequest) -> Page[Role]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        after = self._page_tokens.redeem(ROLES, request.page_token)
        listed = list_after(self._rules.policy.all_roles, after, request.limit + 1)
        return cut_page(
            listed, request, query=ROLES, tokens=self._page_tokens, cursor=lambda each: each.name
        )
