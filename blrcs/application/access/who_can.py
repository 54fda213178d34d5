"""Listing who holds a permission on a resource."""

from dataclasses import replace

from blrcs.application.bindings.parent import is_within
from blrcs.application.page import Page, PageRequest, cut_page
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.access_closure import EVERYBODY, members_of
from blrcs.domain.access_name import BINDINGS, home_of
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.delegation import Actor, holds
from blrcs.domain.resource_name import check_resource
from blrcs.domain.who_can import Holder, who_can

READ_BINDING = "blrcs.bindings.get"


class WhoCan:
    """Lists the principals that hold a permission on a resource, in the order of their names."""

    def __init__(self, *, rules: AccessRules, page_tokens: PageTokens, clock: Clock) -> None:
        self._rules = rules
        self._page_tokens = page_tokens
        self._clock = clock

    async def __call__(
        self, permission: str, resource: str, request: PageRequest, *, actor: Actor | None
    ) -> tuple[Page[Holder], int]:
        """A page, and the epoch that it is of.

        By which bindings is told of those within the tenant; of those above it to an actor who may
        read the root's bindings, and to the program itself.

        InvalidArgumentError for what is no resource, or a token from elsewhere.
        """
        check_resource(resource, field="resource")
        query = f"whoCan/{permission}/{resource}"
        after = self._page_tokens.redeem(query, request.page_token)
        policy = self._rules.policy
        now_ns = self._clock()
        holders = who_can(policy, permission, resource, now_ns)
        place = home_of(resource) or resource
        if actor is not None and not holds(actor, policy, READ_BINDING, BINDINGS, now_ns=now_ns):
            holders = _told_within(place, holders, policy)
        listed = [each for each in holders if each.principal > after][: request.limit + 1]
        page = cut_page(
            listed,
            request,
            query=query,
            tokens=self._page_tokens,
            cursor=lambda each: each.principal,
        )
        return page, policy.epoch


def _told_within(place: str, holders: list[Holder], policy: AccessPolicy) -> list[Holder]:
    """The same holders, with nothing of what is bound outside a place."""
    own = [each for each in policy.bindings.values() if each.denies and is_within(each, place)]
    denied = members_of(policy, (member for each in own for member in each.members))
    return [
        replace(
            holder,
            held_by=tuple(each for each in holder.held_by if is_within(each.binding, place)),
            excepted=tuple(each for each in holder.excepted if each in denied),
        )
        for holder in holders
        if not _is_named_by_denials(holder) or holder.principal in denied
    ]


def _is_named_by_denials(holder: Holder) -> bool:
    """Whether only a denial names the principal, and what grants means all."""
    return holder.principal not in EVERYBODY and all(
        each.member in EVERYBODY for each in holder.held_by
    )
