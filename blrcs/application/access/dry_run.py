"""Asking what another policy would have decided."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from blrcs.application.ports.access import AccessDecisions, AccessRules
from blrcs.domain.access_policy import AccessPolicy, Resource
from blrcs.domain.binding import Binding
from blrcs.domain.decision import Change, Decision
from blrcs.domain.group import Group
from blrcs.domain.resource_name import check_resource
from blrcs.domain.role import Role

MAX_EXAMINED = 100_000


class RecordedDecisions(Protocol):
    """What was decided."""

    async def latest(self, most: int) -> Sequence[Decision]:
        """The latest decisions that are different, the last one first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What would be different: roles, groups and bindings put, and others of any kind deleted."""

    roles: Sequence[Role] = ()
    groups: Sequence[Group] = ()
    bindings: Sequence[Binding] = ()
    deleted: Sequence[str] = ()

    def over(self, policy: AccessPolicy) -> AccessPolicy:
        """The policy with it.

        Raises:
            InvalidArgumentError: A binding is none.
            NotFoundError: What is put names what is not there, or is over the border of a tenant.
            FailedPreconditionError: What is put could not be by a change: see ``AccessPolicy``.
        """
        for binding in self.bindings:
            binding.check()
            check_resource(binding.resource)
        over = replace(
            policy,
            roles=self._over(policy.roles, self.roles),
            groups=self._over(policy.groups, self.groups),
            bindings=self._over(policy.bindings, self.bindings),
        )
        for role in self.roles:
            over.with_role(role)
        for group in self.groups:
            over.with_group(group)
        for binding in self.bindings:
            over.with_binding(binding, now_ns=0)  # what it leaves of administrators is not asked
        return over

    def _over(self, stored: Mapping[str, Resource], put: Sequence[Resource]) -> dict[str, Resource]:
        named = {**stored, **{each.name: each for each in put}}
        return {name: each for name, each in named.items() if name not in self.deleted}


class DryRun:
    """Holds recorded decisions against a candidate of a policy; changes nothing."""

    def __init__(
        self,
        *,
        rules: AccessRules,
        decisions: RecordedDecisions,
        compiled: Callable[[AccessPolicy], AccessDecisions],
    ) -> None:
        self._rules = rules
        self._decisions = decisions
        self._compiled = compiled

    async def __call__(self, candidate: Candidate) -> tuple[list[Change], int]:
        """What would be decided otherwise, and how many decisions were looked at.

        Raises:
            InvalidArgumentError, NotFoundError: See ``Candidate.over``.
            FailedPreconditionError: The candidate cannot be put into force.
        """
        policy = candidate.over(self._rules.policy)
        recorded = await self._decisions.latest(MAX_EXAMINED)
        return changes(recorded, self._compiled(policy)), len(recorded)


def changes(recorded: Iterable[Decision], candidate: AccessDecisions) -> list[Change]:
    """The decisions that the candidate would change, or might."""
    found = []
    for each in recorded:
        question = (each.principal, each.permission, each.resource)
        allowed = candidate.check(*question)
        conditional = candidate.depends_on_call(*question)
        if conditional or allowed != each.allowed:
            found.append(Change(each, allowed, conditional))
    return found
