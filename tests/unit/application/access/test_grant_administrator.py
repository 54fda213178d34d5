from dataclasses import replace

import pytest

from blrcs.application.access.grant_administrator import BINDING, GrantAdministrator
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import ADMINISTRATOR, VIEWER
from tests.unit.application.identity_fakes import NOW_NS

GRANTED = Binding(
    name=BINDING,
    role=ADMINISTRATOR,
    members=("users/first",),
    create_time_ns=1,
    update_time_ns=1,
)


class Rules:
    """The AccessRules port, kept in memory."""

    def __init__(self):
        self.policy = AccessPolicy()

    async def change(self, operation):
        self.policy = operation(self.policy)
        return self.policy


@pytest.fixture
def rules():
    return Rules()


@pytest.fixture
def grant(rules, clock):
    return GrantAdministrator(rules=rules, clock=clock)


def stored(rules, binding):
    rules.policy = AccessPolicy().with_binding(binding, now_ns=NOW_NS)


async def test_makes_the_binding_where_it_is_missing(rules, grant):
    await grant("users/admin")

    made = rules.policy.bindings[BINDING]
    assert (made.role, made.resource, made.expire_time_ns) == (ADMINISTRATOR, "", None)
    assert made.members == ("users/admin",)
    assert made.create_time_ns == made.update_time_ns == NOW_NS


async def test_granting_again_changes_nothing(rules, grant):
    stored(rules, GRANTED)
    before = rules.policy

    await grant("users/first")

    assert rules.policy is before


async def test_joins_the_administrators_that_there_are(rules, grant):
    stored(rules, GRANTED)

    await grant("users/admin")

    joined = rules.policy.bindings[BINDING]
    assert joined.members == ("users/first", "users/admin")
    assert (joined.revision, joined.create_time_ns) == (2, 1)
    assert joined.etag != GRANTED.etag


@pytest.mark.parametrize(
    "changed",
    [
        replace(GRANTED, role=VIEWER),
        replace(GRANTED, resource="orders"),
        replace(GRANTED, expire_time_ns=NOW_NS),
    ],
    ids=["another role", "elsewhere", "expired"],
)
@pytest.mark.parametrize("principal", ["users/first", "users/admin"])
async def test_a_binding_of_the_name_that_grants_less_makes_nobody_else_administrator(
    rules, grant, changed, principal
):
    stored(rules, changed)

    await grant(principal)

    made = rules.policy.bindings[BINDING]
    assert (made.role, made.resource, made.expire_time_ns) == (ADMINISTRATOR, "", None)
    assert made.members == (principal,)
