"""Asking what another policy would have decided."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from blrcs.application.access.change_policy import change_policy
from blrcs.application.ports.access import AccessDecisions, AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.decision import Change, Decision
from blrcs.domain.delegation import Actor, check_delegation
from blrcs.domain.errors import PermissionDeniedError
from blrcs.domain.policy_change import PolicyChange

MAX_EXAMINED = 100_000


class RecordedDecisions(Protocol):
    """What was decided."""

    async def latest(self, most: int) -> Sequence[Decision]:
        """The latest decisions that are different, the last one first."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change would come to.

    Attributes:
        changes: The recorded decisions that would be others, or might.
        examined: How many decisions were looked at.
        exceeded: Why whoever asks could not make the change itself; empty where it could.
    """

    changes: Sequence[Change]
    examined: int
    exceeded: str


class DryRun:
    """Holds recorded decisions against a changed policy; changes nothing."""

    def __init__(
        self,
        *,
        rules: AccessRules,
        decisions: RecordedDecisions,
        compiled: Callable[[AccessPolicy], AccessDecisions],
        require_administrator: Callable[[AccessPolicy, AccessPolicy], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._decisions = decisions
        self._compiled = compiled
        self._require_administrator = require_administrator
        self._clock = clock

    async def __call__(self, change: PolicyChange, *, parent: str, actor: Actor | None) -> Outcome:
        """What would be decided otherwise.

        ``parent`` is the resource that is administered by who would make the change.

        Raises:
            InvalidArgumentError: The change says two things of one name; or see ``change_policy``.
            NotFoundError, FailedPreconditionError, AbortedError: The change itself would be refused
                so; see ``change_policy``.
        """
        old, now_ns = self._rules.policy, self._clock()

        def decisions_anew() -> tuple[AccessPolicy, AccessDecisions, str]:
            new = proposed(old, change, parent=parent, now_ns=now_ns)
            return new, self._compiled(new), _exceeded(actor, old, new, now_ns)

        # On another thread, as a change itself would be: there may be a thousand of each kind.
        new, candidate, exceeded = await asyncio.to_thread(decisions_anew)
        await self._require_administrator(old, new)
        recorded = await self._decisions.latest(MAX_EXAMINED)
        return Outcome(changes(recorded, candidate), len(recorded), exceeded)


def proposed(
    policy: AccessPolicy, change: PolicyChange, *, parent: str, now_ns: int
) -> AccessPolicy:
    """The policy as the change would leave it; see ``DryRun`` for what is raised."""
    change.check()
    return change_policy(policy, change, parent=parent, actor=None, now_ns=now_ns)


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


def _exceeded(actor: Actor | None, old: AccessPolicy, new: AccessPolicy, now_ns: int) -> str:
    """Why the actor may not make the change itself; empty where it may."""
    try:
        if actor is not None:
            check_delegation(actor, old, new, now_ns)
    except PermissionDeniedError as error:
        return error.message
    return ""
