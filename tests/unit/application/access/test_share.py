"""How much of the access policy a tenant may take up."""

import pytest

from blrcs.application.access import share
from blrcs.application.access.share import require_share
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.condition.condition import Condition
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.group import Group
from blrcs.domain.role import Role

ALWAYS = Condition("principal.name != ''")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(share, "MAX_BINDINGS", 3)
    monkeypatch.setattr(share, "MAX_MEMBERS", 6)
    monkeypatch.setattr(share, "MAX_CONDITIONAL", 2)
    for name in ("MAX_ROLES", "MAX_PERMISSIONS", "MAX_GROUPS", "MAX_GROUP_MEMBERS"):
        monkeypatch.setattr(share, name, 3)


def policy(*bindings):
    return AccessPolicy(
        bindings={
            f"bindings/{n}": Binding(
                name=f"bindings/{n}",
                role="roles/reader",
                members=tuple(f"users/u{m}" for m in range(members)),
                resource=resource,
                condition=condition,
                create_time_ns=1,
                update_time_ns=1,
            )
            for n, (resource, members, condition) in enumerate(bindings)
        }
    )


def plain(resource="tenants/a", members=1):
    return resource, members, None


def conditional(resource="tenants/a"):
    return resource, 1, ALWAYS


def refusal(old, new, parent="tenants/a"):
    with pytest.raises(FailedPreconditionError) as caught:
        require_share(policy(*old), policy(*new), parent)
    return caught.value.reason


def test_a_tenant_has_so_many_bindings():
    full = [plain("tenants/a/orders")] * 3
    require_share(policy(*full[:-1]), policy(*full), "tenants/a")
    assert refusal(full, [*full, plain()]) == "TOO_MANY_BINDINGS"


def test_they_have_so_many_members_together():
    require_share(policy(), policy(plain(members=3), plain(members=3)), "tenants/a")
    assert refusal([plain(members=3)], [plain(members=3), plain(members=4)]) == "TOO_MANY_MEMBERS"


def test_so_many_have_conditions():
    full = [conditional()] * 2
    require_share(policy(*full), policy(*full, plain()), "tenants/a")
    assert refusal([*full, plain()], [*full, conditional()]) == "TOO_MANY_CONDITIONS"


def test_the_whole_tenant_counts_whatever_part_of_it_is_named():
    full = [plain(f"tenants/a/orders/{n}") for n in range(3)]
    named = "tenants/a/orders/3"
    assert refusal(full, [*full, plain(named)], named) == "TOO_MANY_BINDINGS"


def test_other_tenants_do_not_count():
    others = [plain("tenants/b"), plain("tenants/a2"), plain("")]
    require_share(policy(*others), policy(*others, plain()), "tenants/a")


def test_the_root_has_no_bound():
    require_share(policy(), policy(*[plain()] * 9), "")


def test_what_takes_less_than_before_is_not_refused():
    old = [plain(members=5), plain(members=5)]
    require_share(policy(*old), policy(plain(members=5), plain(members=4)), "tenants/a")


def owning(*owned):
    """Of a role or group, how many permissions or members it has and where it is."""
    roles, groups = {}, {}
    for number, (kind, home, count) in enumerate(owned):
        name = f"{home}{kind}/{number}"
        texts = tuple(f"users/u{n}" for n in range(count))
        if kind == "roles":
            roles[name] = Role(name=name, permissions=texts[1:], included_roles=texts[:1])
        else:
            groups[name] = Group(name=name, members=texts, create_time_ns=1, update_time_ns=1)
    return AccessPolicy(roles=roles, groups=groups)


@pytest.mark.parametrize(
    ("kind", "too_many", "too_wide"),
    [
        ("roles", "TOO_MANY_ROLES", "TOO_MANY_PERMISSIONS"),
        ("groups", "TOO_MANY_GROUPS", "TOO_MANY_GROUP_MEMBERS"),
    ],
)
def test_a_tenant_owns_so_many_roles_and_groups(kind, too_many, too_wide):
    own = (kind, "tenants/a/", 1)
    others = [(kind, "tenants/b/", 3), (kind, "tenants/a2/", 3), (kind, "", 9)]
    full = owning(*[own] * 3, *others)
    require_share(owning(), full, "tenants/a")
    for reason, more in (
        (too_many, [own] * 3 + [(kind, "tenants/a/", 0)]),
        (too_wide, [own, own, (kind, "tenants/a/", 2)]),
    ):
        with pytest.raises(FailedPreconditionError) as caught:
            require_share(full, owning(*more, *others), "tenants/a")
        assert caught.value.reason == reason
    require_share(full, owning(*others, *others), "")
