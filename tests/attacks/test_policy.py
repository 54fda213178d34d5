"""Policies that are made to be misread: deep, in circles, and of many bindings that overlap."""

import random
from collections.abc import Iterator

import grpc
import pytest

from blrcs.domain.policy_rules import MAX_ROLE_LEVELS
from blrcs_native.access import MAX_GROUP_DEPTH
from tests.attacks.policy import Policy
from tests.attacks.world import World
from tests.e2e.workers import channels_to_all, code

OK = grpc.StatusCode.OK
REFUSED = {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT}
PERMISSIONS = ("x.read", "x.write", "x.y.read", "y.read")
PATTERNS = (*PERMISSIONS, "x.*", "x.y.*", "z.none")
RESOURCES = ("", "a", "a/b", "a/b/c", "a/bc", "ab")
PRINCIPALS = tuple(f"users/p{number}" for number in range(4))
EVERYBODY = ("allAuthenticated", "allUsers")
GROUPS = ("g0", "g1", "g2")
ROLES = ("r0", "r1", "r2", "r3")
SEEDS = range(3)


@pytest.fixture
def policy(workers: World) -> Iterator[Policy]:
    with channels_to_all(workers.server, 2) as channels:
        made = Policy(*channels.values(), workers.admin)
        yield made
        made.clear()


def fill(policy: Policy, chance: random.Random) -> None:
    """Roles that include others, groups within groups, and bindings that grant and deny."""
    for number, name in enumerate(ROLES):
        included = chance.sample(ROLES[:number], min(number, chance.randrange(2)))
        policy.role(name, chance.sample(PATTERNS, 2), included)
    members = [*PRINCIPALS, *(f"groups/{name}" for name in GROUPS)]
    for name in GROUPS:
        policy.group(name)
    for name in GROUPS:
        code(lambda: policy.fill(name, chance.sample(members, 3)))  # noqa: B023 - a circle is refused
    for number in range(10):
        denies = chance.random() < 0.3
        # What is denied to everybody is denied to who writes this, too.
        who = chance.sample(members if denies else [*members, *EVERYBODY], 2)
        where = chance.choice(RESOURCES)
        policy.bind(f"b{number}", chance.choice(ROLES), who, where, denies=denies)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_list_equals_checks_one_by_one_and_these_brute_force(
    policy: Policy, seed: int
) -> None:
    """One worker was told, and another one is asked."""
    fill(policy, random.Random(seed))
    model = policy.model
    queries = [(permission, where) for permission in PERMISSIONS for where in RESOURCES]
    allowed = {
        (principal, *query): model.check(principal, *query, 0)
        for principal in PRINCIPALS
        for query in queries
    }
    assert set(allowed.values()) == {True, False}
    for principal in PRINCIPALS:
        expected = [allowed[principal, *query] for query in queries]
        assert policy.checks(principal, queries) == expected
        assert [policy.check(principal, *query) for query in queries] == expected
        for where in RESOURCES:
            listed = policy.permissions(principal, where)
            for permission in set(PERMISSIONS) & named(policy):
                assert (permission in listed) == allowed[principal, permission, where]
    for permission, where in queries:
        holders = policy.who_can(permission, where)
        for principal in PRINCIPALS:
            of_all = any(principal not in holders[each] for each in EVERYBODY if each in holders)
            holds = of_all or principal in holders
            assert holds == allowed[principal, permission, where], (principal, permission, where)


def named(policy: Policy) -> set[str]:
    """The permissions that a list can tell of: those that a role names as a whole."""
    return {each for role in policy.model.roles for each in role.permissions}


def test_roles_nest_to_a_bound_and_in_no_circle(policy: Policy) -> None:
    policy.role("d1", ["x.read"])
    for depth in range(2, MAX_ROLE_LEVELS + 1):
        policy.role(f"d{depth}", [], [f"d{depth - 1}"])
    deepest = f"d{MAX_ROLE_LEVELS}"
    policy.bind("deep", deepest, ["users/p0"], "a")
    assert policy.check("users/p0", "x.read", "a/b")
    assert code(lambda: policy.role("deeper", [], [deepest])) in REFUSED
    for name in ("d1", "d2", deepest):
        assert code(lambda: policy.include(name, deepest)) in REFUSED  # noqa: B023
    assert policy.check("users/p0", "x.read", "a/b")
    assert not policy.check("users/p1", "x.read", "a/b")


def test_groups_nest_to_a_bound_and_in_no_circle(policy: Policy) -> None:
    policy.role("reader", ["x.read"])
    policy.group("n1", ["users/p0"])
    for depth in range(2, MAX_GROUP_DEPTH + 1):
        policy.group(f"n{depth}", [f"groups/n{depth - 1}"])
    deepest = f"groups/n{MAX_GROUP_DEPTH}"
    policy.bind("within", "reader", [deepest], "a")
    assert policy.check("users/p0", "x.read", "a/b")
    assert code(lambda: policy.group("deeper", [deepest])) in REFUSED
    for circle in ([deepest], ["groups/n1"], ["groups/n2", "users/p1"]):
        assert code(lambda: policy.fill("n1", circle)) in REFUSED  # noqa: B023
    assert policy.check("users/p0", "x.read", "a/b")
    assert set(policy.who_can("x.read", "a")) >= {"users/p0"}
    assert not policy.check("users/p1", "x.read", "a/b")
