"""The one road on which the access policy is changed, and on which a dry run would change it."""

from collections.abc import Iterator
from dataclasses import replace

from blrcs.application.access.known import require_known
from blrcs.application.access.share import require_share
from blrcs.application.bindings.parent import found_within, require_within
from blrcs.domain.access_name import home_of
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.delegation import Actor
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.resource_name import check_resource


def change_policy(
    policy: AccessPolicy, change: PolicyChange, *, parent: str, actor: Actor | None, now_ns: int
) -> AccessPolicy:
    """The policy with a change, held to all but the rights of whoever makes it.

    Args:
        policy: As it is before the change.
        change: What is put and deleted.
        parent: What the actor administers, to which bindings are kept; empty is the root.
        actor: Who makes the change; None is the program itself.
        now_ns: The time that counts.

    Raises:
        InvalidArgumentError: A binding has no role, no members, a bad condition or no valid
            resource, or is not within the parent.
        NotFoundError: See ``AccessPolicy.changed``, ``found_within`` and ``require_known``.
        FailedPreconditionError: See ``AccessPolicy.changed`` and ``require_share``.
        AbortedError: Something stored has another etag than is expected.
    """
    # First of all: whoever knows no etag is not to learn by one what others have bound.
    for name in (*(each.name for each in change.bindings), *change.deleted):
        if name in policy.bindings:
            found_within(policy, name, parent)
    policy.require_expected(change)
    for binding in change.bindings:
        binding.check()
        check_resource(binding.resource)
        require_within(binding, parent)
        require_known(policy, binding, parent, actor, now_ns)
    for role in change.roles:
        require_known(policy, role, home_of(role.name), actor, now_ns)
    after = policy.changed(change, now_ns=now_ns)
    for old, new, place in _shares(policy, after, change, parent):
        require_share(old, new, place)
    return after


def _shares(
    policy: AccessPolicy, after: AccessPolicy, change: PolicyChange, parent: str
) -> Iterator[tuple[AccessPolicy, AccessPolicy, str]]:
    """What is held to the share of which place.

    What a tenant owns counts whoever puts it there, and bindings where a tenant's administrator
    makes them.
    """
    owned = replace(policy, roles=after.roles, groups=after.groups)
    names = [*(role.name for role in change.roles), *(group.name for group in change.groups)]
    for home in dict.fromkeys(map(home_of, names)):
        yield policy, owned, home
    if change.bindings:
        yield owned, after, parent
