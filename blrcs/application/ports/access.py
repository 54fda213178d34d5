"""Roles, groups and bindings, and what follows from them, as use cases see them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from blrcs.domain.access_policy import AccessPolicy


class AccessRules(Protocol):
    """The policy in force."""

    @property
    def policy(self) -> AccessPolicy:
        """As it is now."""
        ...

    async def change(self, operation: Callable[[AccessPolicy], AccessPolicy]) -> AccessPolicy:
        """Replaces the policy by what ``operation`` makes of it, in one atomic step.

        The new policy is durable and in force when this returns, also when its caller is cancelled
        meanwhile. ``operation`` runs on another thread, must be pure, and may raise a DomainError,
        which changes nothing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Grant:
    """A binding that bears on a check, and why it does not apply, where it does not.

    One that ``denies`` takes the permission away.
    """

    binding: str
    role: str
    member: str
    resource: str
    applies: bool
    reason: str = ""
    denies: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a check is answered as it is."""

    allowed: bool
    reason: str
    grants: Sequence[Grant]


class AccessDecisions(Protocol):
    """Answers from one epoch of the policy."""

    @property
    def epoch(self) -> int:
        """The policy's."""
        ...

    def check(self, principal: str, permission: str, resource: str) -> bool:
        """Whether the principal holds the permission on the resource."""
        ...

    def depends_on_call(self, principal: str, permission: str, resource: str) -> bool:
        """Whether a condition decides that cannot be judged without a call."""
        ...

    def explain(self, principal: str, permission: str, resource: str) -> Explanation:
        """Why, or why not."""
        ...

    def permissions(self, principal: str, resource: str) -> Sequence[str]:
        """All known permissions that the principal holds on the resource, sorted."""
        ...


DecisionsNow = Callable[[], AccessDecisions]
"""Gives the decisions of the policy in force."""
