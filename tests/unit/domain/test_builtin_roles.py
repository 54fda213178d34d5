"""The built-in roles against what the methods of the contract ask for."""

from blrcs.domain.builtin_roles import (
    ADMINISTRATOR,
    BUILTIN_ROLES,
    RECORD_EDITOR,
    RECORD_VIEWER,
    SERVICE,
    VIEWER,
)
from blrcs.v1 import (
    access_pb2,
    auth_pb2,
    cache_pb2,
    limit_pb2,
    policy_pb2,
    record_pb2,
    user_pb2,
)

CONTRACT = (access_pb2, auth_pb2, cache_pb2, limit_pb2, record_pb2, user_pb2)


def permissions_asked_for():
    """With the names of the methods that ask."""
    asked = {}
    for module in CONTRACT:
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                policy = method.GetOptions().Extensions[policy_pb2.policy]
                if policy.WhichOneof("access") == "permission":
                    asked.setdefault(policy.permission.name, set()).add(method.name)
    return asked


def test_the_administrator_may_do_everything():
    assert BUILTIN_ROLES[ADMINISTRATOR].permissions == ("*",)


def test_every_permission_is_one_that_some_method_asks_for():
    asked = permissions_asked_for()

    for name in (SERVICE, VIEWER, RECORD_VIEWER):
        assert set(BUILTIN_ROLES[name].permissions) <= asked.keys()


def test_the_viewer_gets_and_lists_all_but_cached_values_and_records():
    readable = {
        each for each in permissions_asked_for() if each.rpartition(".")[2] in {"get", "list"}
    }

    granted = set(BUILTIN_ROLES[VIEWER].permissions)
    assert readable - granted == {
        "blrcs.caches.get",
        "blrcs.records.get",
        "blrcs.records.list",
    }
    changing = ("create", "update", "delete", "set", "flush", "reset", "revoke", "consume")
    assert not [each for each in granted if each.rpartition(".")[2].startswith(changing)]


def test_a_service_introspects_checks_limits_and_caches_and_administers_nothing():
    areas = {each.split(".")[1] for each in BUILTIN_ROLES[SERVICE].permissions}

    assert areas == {"access", "caches", "limits", "tokens"}
    assert not {"blrcs.caches.flush", "blrcs.limits.reset"} & set(
        BUILTIN_ROLES[SERVICE].permissions
    )


def test_who_views_records_writes_none_and_who_edits_them_changes_no_collection():
    asked = permissions_asked_for()
    of_records = {each for each in asked if each.startswith("blrcs.records.")}
    collections = {"blrcs.collections.get", "blrcs.collections.list"}

    assert set(BUILTIN_ROLES[RECORD_VIEWER].permissions) == collections | {
        "blrcs.records.get",
        "blrcs.records.list",
        "blrcs.records.watch",
    }
    assert set(BUILTIN_ROLES[RECORD_EDITOR].permissions) == collections | {"blrcs.records.*"}
    assert len(of_records) == 7
