"""Listing who holds a permission on a resource."""

from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.resource_name import check_resource
from blrcs.domain.who_can import Holder, who_can


class WhoCan:
    """Lists the principals that hold a permission on a resource, in the order of their names."""

    def __init__(self, *, rules: AccessRules, page_tokens: PageTokens, clock: Clock) -> None:
        self._rules = rules
        self._page_tokens = page_tokens
        self._clock = clock

    async def __call__(
        self, permission: str, resource: str, request: PageRequest
    ) -> tuple[Page[Holder], int]:
        """A page, and the epoch that it is of.

        InvalidArgumentError for what is no resource, or a token from elsewhere.
        """
        check_resource(resource, field="resource")
        query = f"whoCan/{permission}/{resource}"
        after = self._page_tokens.redeem(query, request.page_token)
        policy = self._rules.policy
        holders = who_can(policy, permission, resource, self._clock())
        listed = [each for each in holders if each.principal > after][: request.limit + 1]
        page = cut_page(
            listed,
            request,
            query=query,
            tokens=self._page_tokens,
            cursor=lambda each: each.principal,
        )
        return page, policy.epoch
