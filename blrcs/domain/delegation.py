"""Who changes the access policy gives nobody what it does not hold itself.

What counts is what the policy before the change lets the one hold who changes it: by which
bindings, until when, under which conditions, and less all that any binding denies it. Whatever a
change lets anybody do anew has to lie within that: new bindings and wider ones, roles that grant
more, groups with more members, denials that end, and whatever has a condition that asks for a group
of which the members change. Into a role of a tenant nobody puts what it does
not hold on that tenant, whether the role is bound or not. Conditions are compared as texts, those
that ask about the principal do not carry over to others, and wildcards are compared pattern by
pattern: what cannot be told is refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from blrcs.domain.access_closure import (
    ALL_AUTHENTICATED,
    ALL_USERS,
    EVERYBODY,
    Rules,
    members_of,
    pattern_covers,
    patterns_meet,
    patterns_of,
    resources_meet,
)
from blrcs.domain.access_difference import changed_names, concerned, judged_anew
from blrcs.domain.access_name import home_of
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.condition.condition import read_condition
from blrcs.domain.condition.walk import variables
from blrcs.domain.errors import PermissionDeniedError

ADMINISTERS = "blrcs.bindings.create"
"""Whoever holds it on a resource administers that."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes the policy.

    Attributes:
        groups: Those that an issuer puts it in.
        scope: The permissions, or patterns of them, that its token is limited to; None limits none.
    """

    name: str
    groups: tuple[str, ...] = ()
    scope: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class _Gain:
    """A permission, or a pattern of them, that somebody would have anew."""

    pattern: str
    resource: str
    expire_time_ns: int | None = None
    condition: str | None = None


def delegated(
    operation: Callable[[AccessPolicy], AccessPolicy], actor: Actor | None, now_ns: int
) -> Callable[[AccessPolicy], AccessPolicy]:
    """The operation, which raises PermissionDeniedError where it gives more than its actor has.

    None is the program itself, which nothing limits.
    """

    def limited(policy: AccessPolicy) -> AccessPolicy:
        changed = operation(policy)
        if actor is not None:
            check_delegation(actor, policy, changed, now_ns)
        return changed

    return limited


def check_delegation(actor: Actor, old: AccessPolicy, new: AccessPolicy, now_ns: int) -> None:
    """Raises PermissionDeniedError if the change lets anybody do what the actor may not."""
    rights = _Rights(old, actor, now_ns)
    before, after = concerned(old, new)
    judged = [each for each in judged_anew(old, new) if each.counts_at(now_ns)]
    gains = (
        _role_gains(old, new, now_ns),
        _gains(before, after, now_ns),
        _judged_gains(old, judged),
    )
    for gain in chain(*gains):
        if not rights.cover(gain):
            where = gain.resource or "the root"
            raise PermissionDeniedError(
                "RIGHTS_EXCEEDED",
                f"{gain.pattern} on {where} cannot be given by who does not hold it there for as"
                " long and under no more than the same condition",
                metadata={"permission": gain.pattern, "resource": gain.resource},
            )
    denials = (each for each in judged if each.denies)
    for denial in chain(_new_denials(before, after, now_ns), denials):
        if not rights.may_deny(denial, new):
            raise PermissionDeniedError(
                "RIGHTS_EXCEEDED",
                f"{denial.name} would deny what others are given from above",
                metadata={"binding": denial.name},
            )


def holds(
    actor: Actor,
    policy: AccessPolicy,
    permission: str,
    resource: str,
    *,
    now_ns: int,
) -> bool:
    """Whether an actor holds a permission on a resource for the time being, without a condition."""
    return holding(actor, policy, now_ns)(permission, resource)


def holding(actor: Actor, policy: AccessPolicy, now_ns: int) -> Callable[[str, str], bool]:
    """Tells of many permissions and resources what ``holds`` does, and reads the policy once."""
    rights = _Rights(policy, actor, now_ns)
    return lambda permission, resource: rights.cover(_Gain(permission, resource, now_ns))


@dataclass(slots=True)
class _Rights:
    """What an actor holds in a policy."""

    rules: AccessPolicy
    actor: Actor
    now_ns: int
    grants: list[tuple[Binding, frozenset[str]]] = field(init=False)
    denials: list[tuple[Binding, frozenset[str]]] = field(init=False)

    def __post_init__(self) -> None:
        names = names_of(self.rules, self.actor)
        counting = [
            (binding, patterns_of(self.rules, binding.role))
            for binding in self.rules.bindings.values()
            if binding.counts_at(self.now_ns) and not names.isdisjoint(binding.members)
        ]
        self.grants = [each for each in counting if not each[0].denies]
        self.denials = [each for each in counting if each[0].denies]

    def cover(self, gain: _Gain) -> bool:
        """Whether the actor holds it all, for as long, and under no other condition."""
        scope = self.actor.scope
        if scope is not None and not any(pattern_covers(each, gain.pattern) for each in scope):
            return False
        if any(
            resources_meet(denial.resource, gain.resource) and _meet(patterns, gain.pattern)
            for denial, patterns in self.denials
        ):
            return False
        return any(
            grant.covers(gain.resource)
            and _lasts(grant, gain.expire_time_ns)
            and _asks_no_more(grant, gain.condition)
            and _is_about_all(grant)
            and any(pattern_covers(pattern, gain.pattern) for pattern in patterns)
            for grant, patterns in self.grants
        )

    def may_deny(self, denial: Binding, new: AccessPolicy) -> bool:
        """Whether nobody is denied what is given above all that the actor administers there."""
        top = self._administered_above(denial)
        if top is None:
            return False
        denied = members_of(new, denial.members)
        patterns = patterns_of(new, denial.role)
        return not any(
            not grant.denies
            and grant.resource != top
            and grant.covers(top)
            and grant.counts_at(self.now_ns)
            and _share(denied, members_of(new, grant.members))
            and any(_meet(patterns, pattern) for pattern in patterns_of(new, grant.role))
            for grant in new.bindings.values()
        )

    def _administered_above(self, binding: Binding) -> str | None:
        """The highest resource that the actor administers, from that of a binding upwards."""
        segments = binding.resource.split("/") if binding.resource else []
        for count in range(len(segments) + 1):
            resource = "/".join(segments[:count])
            gain = _Gain(ADMINISTERS, resource, binding.expire_time_ns, _text(binding))
            if self.cover(gain):
                return resource
        return None


def _gains(old: Rules, new: Rules, now_ns: int) -> Iterator[_Gain]:
    """What a change lets anybody do anew, or more than that."""
    for binding in new.bindings.values():
        if binding.denies or not binding.counts_at(now_ns):
            continue
        before = old.bindings.get(binding.name)
        was: frozenset[str] = frozenset()
        if before is not None and _is_within(new, binding, old, before):
            was = patterns_of(old, before.role)
        for pattern in _uncovered(patterns_of(new, binding.role), was):
            yield _Gain(pattern, binding.resource, binding.expire_time_ns, _text(binding))
    for binding in old.bindings.values():
        if not binding.denies or not binding.counts_at(now_ns):
            continue
        after = new.bindings.get(binding.name)
        still: frozenset[str] = frozenset()
        if after is not None and _is_within(old, binding, new, after):
            still = patterns_of(new, after.role)
        for pattern in _uncovered(patterns_of(old, binding.role), still):
            yield _Gain(pattern, binding.resource)


def _judged_gains(rules: Rules, judged: list[Binding]) -> Iterator[_Gain]:
    """What bindings give, or no longer deny, whose conditions may say another thing than before.

    What a condition makes of who is in a group is not told: anybody may gain all of it.
    """
    for binding in judged:
        for pattern in sorted(patterns_of(rules, binding.role)):
            if binding.denies:
                yield _Gain(pattern, binding.resource)
            else:
                yield _Gain(pattern, binding.resource, binding.expire_time_ns, _text(binding))


def _role_gains(old: AccessPolicy, new: AccessPolicy, now_ns: int) -> Iterator[_Gain]:
    """What roles of tenants have anew; whoever holds it for the time being may put it there."""
    for name in sorted(changed_names(old.roles, new.roles) & new.roles.keys()):
        home = home_of(name)
        if home:
            for pattern in _uncovered(patterns_of(new, name), patterns_of(old, name)):
                yield _Gain(pattern, home, now_ns)


def _new_denials(old: Rules, new: Rules, now_ns: int) -> Iterator[Binding]:
    """The bindings that deny more than before."""
    for binding in new.bindings.values():
        if not binding.denies or not binding.counts_at(now_ns):
            continue
        before = old.bindings.get(binding.name)
        if before is not None and _is_within(new, binding, old, before):
            was = patterns_of(old, before.role)
            if not _uncovered(patterns_of(new, binding.role), was):
                continue
        yield binding


def _is_within(inner_rules: Rules, inner: Binding, outer_rules: Rules, outer: Binding) -> bool:
    """Whether one binding is nowhere wider than another, but for the permissions of its role."""
    return (
        inner.denies == outer.denies
        and outer.covers(inner.resource)
        and _lasts(outer, inner.expire_time_ns)
        and _asks_no_more(outer, _text(inner))
        and members_of(inner_rules, inner.members) <= members_of(outer_rules, outer.members)
    )


def _uncovered(patterns: frozenset[str], others: frozenset[str]) -> list[str]:
    return sorted(
        pattern
        for pattern in patterns
        if not any(pattern_covers(other, pattern) for other in others)
    )


def _meet(patterns: frozenset[str], pattern: str) -> bool:
    return any(patterns_meet(each, pattern) for each in patterns)


def _lasts(binding: Binding, until_ns: int | None) -> bool:
    if binding.expire_time_ns is None:
        return True
    return until_ns is not None and until_ns <= binding.expire_time_ns


def _asks_no_more(binding: Binding, condition: str | None) -> bool:
    return binding.condition is None or binding.condition.expression == condition


def _is_about_all(binding: Binding) -> bool:
    """Whether its condition says the same of everybody."""
    if binding.condition is None:
        return True
    asked = variables(read_condition(binding.condition.expression))
    return not any(name.startswith("principal.") for name in asked)


def _text(binding: Binding) -> str | None:
    return None if binding.condition is None else binding.condition.expression


def _share(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether somebody may be meant by both."""
    return not some.isdisjoint(others) or bool((some | others) & EVERYBODY)


def names_of(rules: Rules, actor: Actor) -> set[str]:
    """Every member of a binding that means the actor."""
    names = {actor.name, *actor.groups}
    waiting = list(names)
    while waiting:
        member = waiting.pop()
        holding = {group.name for group in rules.groups.values() if member in group.members} - names
        names |= holding
        waiting += holding
    return names | {ALL_AUTHENTICATED, ALL_USERS}
