"""Whatever a delegate does, nobody may in the end do what the delegate could not do first."""

import itertools
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.domain.access_closure import pattern_covers
from blrcs.domain.access_name import is_group
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding, Effect
from blrcs.domain.builtin_roles import BUILTIN_ROLES
from blrcs.domain.condition.condition import Condition
from blrcs.domain.delegation import Actor, delegated
from blrcs.domain.errors import DomainError
from blrcs.domain.group import Group
from blrcs.domain.role import Role
from blrcs_native.access import BindingSpec, GroupSpec, RoleSpec
from tests.unit.native.access_model import AccessModel, home_of, reaches

NOW_NS = 1_000
TIMES_NS = (NOW_NS, NOW_NS + 50, NOW_NS + 150)
DELEGATE = "users/d"
PRINCIPALS = (DELEGATE, "users/a", "users/b", "users/stranger")
PERMISSIONS = ("o.read", "o.write", "p", "blrcs.bindings.create")
PATTERNS = (*PERMISSIONS, "o.*", "*")
RESOURCES = ("", "tenants/a", "tenants/a/x", "tenants/b")
OWN_ROLE = "tenants/a/roles/1"
OWN_GROUP = "tenants/a/groups/1"
CONDITIONS = {
    "resource.name.endsWith('x')": lambda _, where, *__: where.endswith("x"),
    "now > timestamp('2026-01-01T00:00:00Z')": lambda _, __, now_ns, ___: now_ns > NOW_NS,
    "principal.name != 'users/d'": lambda who, *_: who != DELEGATE,
    "source.address == ''": lambda *_: None,
    f"'{OWN_GROUP}' in principal.groups": lambda *call: OWN_GROUP in call[3],
    "!('groups/2' in principal.groups)": lambda *call: "groups/2" not in call[3],
    "size(principal.groups) == 1": lambda *call: len(call[3]) == 1,
}
HISTORY = {"create_time_ns": 1, "update_time_ns": 1}


def some(values, *, least=0, most=2):
    return st.lists(st.sampled_from(values), min_size=least, max_size=most, unique=True).map(tuple)


roles = st.builds(
    Role,
    name=st.sampled_from(["roles/1", "roles/2", "roles/3", OWN_ROLE]),
    permissions=some(PATTERNS),
    included_roles=some(["roles/1", "roles/2", OWN_ROLE], most=1),
)
groups = st.builds(
    Group,
    name=st.sampled_from(["groups/1", "groups/2", OWN_GROUP]),
    members=some([*PRINCIPALS[:3], "groups/2", OWN_GROUP]),
    **{name: st.just(1) for name in HISTORY},
)
bindings = st.builds(
    Binding,
    name=st.sampled_from([f"bindings/{number}" for number in range(6)]),
    role=st.sampled_from(["roles/1"] * 4 + ["roles/2", "roles/3", "roles/administrator", OWN_ROLE]),
    members=some(
        [*PRINCIPALS[:3] * 2, "groups/1", "groups/2", OWN_GROUP, "allAuthenticated"], least=1
    ),
    resource=st.sampled_from(RESOURCES),
    expire_time_ns=st.sampled_from([None, None, None, NOW_NS - 1, NOW_NS + 100]),
    effect=st.sampled_from([Effect.GRANT, Effect.GRANT, Effect.GRANT, Effect.DENY]),
    condition=st.sampled_from([None] * 5 + [Condition(text) for text in CONDITIONS]),
    **{name: st.just(1) for name in HISTORY},
)


@st.composite
def shares(draw):
    """What the delegate has, given to others: as it is, or wider or narrower in some way."""
    name = f"bindings/{draw(st.integers(0, 5))}"
    widened = {
        "members": draw(some(["users/a", "users/b", "groups/1"], least=1)),
        **draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "resource": st.sampled_from(RESOURCES),
                    "expire_time_ns": st.sampled_from([None, NOW_NS + 100]),
                    "condition": st.just(None),
                    "effect": st.just(Effect.GRANT),
                },
            )
        ),
    }

    def share(policy):
        own = policy.bindings.get("bindings/0") or policy.bindings["bindings/1"]
        return policy.with_binding(replace(own, name=name, **widened), now_ns=NOW_NS)

    return share


changes = st.one_of(
    shares(),
    shares(),
    roles.map(lambda role: lambda policy: policy.with_role(role)),
    groups.map(lambda group: lambda policy: policy.with_group(group)),
    bindings.map(lambda each: lambda policy: policy.with_binding(each, now_ns=NOW_NS)),
    st.integers(0, 5).map(
        lambda number: lambda policy: policy.without(f"bindings/{number}", "", now_ns=NOW_NS)
    ),
    st.sampled_from(["groups/1", "groups/2", OWN_GROUP]).map(
        lambda name: lambda policy: policy.without(name, "")
    ),
)
actors = st.builds(
    Actor,
    st.just(DELEGATE),
    some(["groups/1", "groups/2", OWN_GROUP], most=1),
    st.sampled_from([None, None, None, frozenset({"o.*", "blrcs.bindings.create"})]),
)


@st.composite
def policies(draw):
    """Often one in which the delegate administers something, so that it can do something."""
    policy = AccessPolicy(
        roles={name: Role(name=name) for name in ("roles/1", "roles/2", "roles/3", OWN_ROLE)},
        groups={name: Group(name=name, **HISTORY) for name in ("groups/1", "groups/2", OWN_GROUP)},
    )
    own = Role(name="roles/1", permissions=draw(some(PATTERNS, least=1, most=3)))
    binding = Binding(
        name="bindings/0",
        role="roles/1",
        members=(DELEGATE,),
        resource=draw(st.sampled_from(RESOURCES)),
        **HISTORY,
    )
    policy = policy.with_role(own).with_binding(binding, now_ns=NOW_NS)
    limits = {
        "expire_time_ns": draw(st.sampled_from([None, None, NOW_NS + 100])),
        "condition": draw(st.sampled_from([None, None, *map(Condition, CONDITIONS)])),
    }
    policy = policy.with_binding(replace(binding, **limits), now_ns=NOW_NS)
    if draw(st.booleans()):
        denied = Role(name="roles/2", permissions=draw(some(PATTERNS, least=1)))
        denial = replace(
            binding,
            name="bindings/1",
            role="roles/2",
            resource=draw(st.sampled_from(RESOURCES)),
            effect=Effect.DENY,
        )
        policy = policy.with_role(denied)
        policy = attempt(policy, lambda old: old.with_binding(denial, now_ns=NOW_NS))
    if draw(st.booleans()):
        others = replace(
            binding,
            name="bindings/2",
            role=draw(st.sampled_from(["roles/3", "roles/administrator"])),
            members=draw(some(["users/a", "groups/1", "groups/2"], least=1)),
            resource=draw(st.sampled_from(RESOURCES)),
        )
        policy = policy.with_binding(others, now_ns=NOW_NS)
    for change in draw(st.lists(changes, max_size=4)):
        policy = attempt(policy, change)
    return policy


def attempt(policy, change):
    try:
        return change(policy)
    except (DomainError, KeyError):
        return policy


def model_of(policy):
    return AccessModel(
        [
            RoleSpec(role.name, role.permissions, role.included_roles)
            for role in {**BUILTIN_ROLES, **policy.roles}.values()
        ],
        [GroupSpec(group.name, group.members) for group in policy.groups.values()],
        [
            BindingSpec(
                each.name,
                each.role,
                each.members,
                each.resource,
                each.expire_time_ns,
                each.denies,
                each.condition and each.condition.expression,
            )
            for each in policy.bindings.values()
        ],
        lambda text: (
            lambda who, where, now_ns: CONDITIONS[text](
                who, where, now_ns, groups_of(policy, who, where)
            )
        ),
    )


def groups_of(policy, principal, resource):
    """What a condition is told of a principal, by brute force."""
    specs = [GroupSpec(group.name, group.members) for group in policy.groups.values()]
    names = AccessModel([], specs, []).members_for(principal)
    return {each for each in names if is_group(each) and reaches(each, home_of(resource))}


def allowed(policy):
    model = model_of(policy)
    return {
        question
        for question in itertools.product(PRINCIPALS, PERMISSIONS, RESOURCES, TIMES_NS)
        if model.check(*question)
    }


def held_by(actor, policy):
    model = model_of(policy)
    return {
        question
        for question in itertools.product(PERMISSIONS, RESOURCES, TIMES_NS)
        if model.check(actor.name, *question, actor.groups)
        and (actor.scope is None or any(pattern_covers(each, question[0]) for each in actor.scope))
    }


@given(policies(), actors, st.lists(changes, min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_nobody_gains_what_the_delegate_lacked(start, actor, wanted):
    policy = start
    for change in wanted:
        policy = attempt(policy, delegated(change, actor, NOW_NS))
    gained = allowed(policy) - allowed(start)
    assert {question[1:] for question in gained} <= held_by(actor, start)


def test_delegates_are_let_do_what_they_may():
    """Or the property would hold of a check that refuses everything."""
    counts = {"done": 0, "gained": 0}

    @given(policies(), actors, changes)
    @settings(max_examples=200, deadline=None, database=None)
    def count(start, actor, change):
        changed = attempt(start, delegated(change, actor, NOW_NS))
        counts["done"] += changed.epoch != start.epoch
        counts["gained"] += bool(allowed(changed) - allowed(start))

    count()
    assert counts["done"] > 20
    assert counts["gained"] > 0
