from importlib import import_module
from pkgutil import iter_modules

import pytest

import blrcs.v1
from blrcs.config.policies import PolicyOverride
from blrcs.domain.policy import NS_PER_S, Limit, MethodPolicy, Permission, ResponseCache
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.proto_policy import PolicyError, method_policy
from blrcs.v1 import cache_pb2, limit_pb2, user_pb2

GET = "/blrcs.v1.CacheService/Get"
DESCRIPTOR = cache_pb2.DESCRIPTOR.services_by_name["CacheService"].methods_by_name["Get"]
STATED = MethodPolicy(Permission("blrcs.caches.get", "caches/{namespace}"))


def overridden(**stated):
    return effective_policy(GET, DESCRIPTOR, PolicyOverride.model_validate(stated))


def test_the_protos_policy_is_in_effect_where_nothing_overrides_it():
    assert effective_policy(GET, DESCRIPTOR) == STATED
    assert overridden() == STATED


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("public", "public"),
        ("authenticated", "authenticated"),
        ({"permission": "a.b"}, Permission("a.b")),
        (
            {"permission": "a.b", "resource": "x/{key}", "or_owner": True},
            Permission("a.b", "x/{key}", or_owner=True),
        ),
    ],
    ids=str,
)
def test_access_can_be_replaced(stated, expected):
    policy = overridden(access=stated)
    assert policy == MethodPolicy(expected)


def test_limits_are_replaced_as_a_whole():
    limit = {"key": "principal", "requests": 5, "period": "2s", "burst": 7, "per_message": True}
    policy = overridden(limits=[limit, {"key": "address", "requests": 1}])
    assert policy.limits == (
        Limit("principal", 5, 2 * NS_PER_S, 7, "gcra", per_message=True),
        Limit("address", 1),
    )
    assert overridden(limits=[]).limits == ()


def test_the_priority_can_be_replaced():
    assert overridden().priority == "normal"
    assert overridden(priority="low").priority == "low"


@pytest.mark.parametrize(
    ("service", "method", "priority"),
    [
        # What its own policy states; what its service states, to be for administrators alone.
        (limit_pb2.DESCRIPTOR.services_by_name["LimitService"], "Consume", "high"),
        (limit_pb2.DESCRIPTOR.services_by_name["LimitService"], "CreateLimitRule", "critical"),
        (user_pb2.DESCRIPTOR.services_by_name["UserService"], "DeleteUser", "critical"),
        (user_pb2.DESCRIPTOR.services_by_name["UserService"], "ChangePassword", "high"),
        (cache_pb2.DESCRIPTOR.services_by_name["CacheService"], "Get", "normal"),
    ],
)
def test_methods_have_the_priority_that_they_or_their_services_state(service, method, priority):
    assert method_policy(service.methods_by_name[method]).priority == priority


@pytest.mark.parametrize(
    ("method", "priority"), [("Check", "critical"), ("List", "critical"), ("Watch", "normal")]
)
def test_health_is_critical_but_for_streams_that_anyone_may_hold_open(method, priority):
    assert effective_policy(f"/grpc.health.v1.Health/{method}", None).priority == priority


def streaming():
    """Each of our own methods whose reply streams."""
    for module in iter_modules(blrcs.v1.__path__, "blrcs.v1."):
        if module.name.endswith("_pb2"):
            for service in import_module(module.name).DESCRIPTOR.services_by_name.values():
                yield from (each for each in service.methods if each.server_streaming)


@pytest.mark.parametrize("descriptor", [*streaming()], ids=lambda each: each.full_name)
def test_each_stream_of_ours_that_its_caller_ends_says_so(descriptor):
    assert method_policy(descriptor).watch


def test_no_other_method_is_a_watch_but_what_the_configuration_says_is():
    assert effective_policy("/grpc.health.v1.Health/Watch", None).watch
    assert not effective_policy("/grpc.health.v1.Health/Check", None).watch
    assert not overridden().watch
    assert overridden(watch=True).watch
    watch = cache_pb2.DESCRIPTOR.services_by_name["CacheService"].methods_by_name["Watch"]
    assert not effective_policy("/x/Y", watch, PolicyOverride(watch=False)).watch


def test_audit_and_shadow_can_be_replaced():
    reset = limit_pb2.DESCRIPTOR.services_by_name["LimitService"].methods_by_name["Reset"]
    override = PolicyOverride(audit="refusals", shadow=("validation",))
    assert method_policy(reset).audit == "request"
    policy = effective_policy("/blrcs.v1.LimitService/Reset", reset, override)
    assert (policy.audit, policy.shadow) == ("refusals", frozenset({"validation"}))


def test_the_shadow_for_all_methods_is_added():
    override = PolicyOverride(shadow=())
    for each in (None, override):
        policy = effective_policy(GET, DESCRIPTOR, each, ("rate_limit",))
        assert policy.shadow == frozenset({"rate_limit"})


def test_the_response_cache_can_be_turned_on_and_off_but_not_shared():
    assert overridden(response_cache_ttl="3s").response_cache == ResponseCache(3 * NS_PER_S)
    assert overridden(response_cache_ttl="0s").response_cache is None


@pytest.mark.parametrize(
    ("name", "stays_open"),
    [
        ("/grpc.health.v1.Health/Check", False),
        ("/grpc.health.v1.Health/List", False),
        ("/grpc.health.v1.Health/Watch", True),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", True),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", True),
    ],
)
def test_the_standard_services_are_public_unless_the_configuration_says_otherwise(name, stays_open):
    policy = effective_policy(name, None)
    assert policy.access == "public"
    assert [limit.algorithm for limit in policy.limits] == ["concurrency"] * stays_open
    override = PolicyOverride(access="authenticated")
    assert effective_policy(name, None, override).access == "authenticated"


@pytest.mark.parametrize(
    "name", ["/x.Service/Get", "/x.grpc.health.v1.Health/Check", "/grpc.health.v1/Health"]
)
def test_a_method_without_a_policy_is_refused(name):
    with pytest.raises(PolicyError, match="states no policy"):
        effective_policy(name, None)
    with pytest.raises(PolicyError, match="states no policy"):
        effective_policy(name, None, PolicyOverride(audit="call"))


def test_the_configuration_can_state_the_policy_of_a_method_that_states_none():
    policy = effective_policy("/x.Service/Get", None, PolicyOverride(access="public", audit="call"))
    assert policy == MethodPolicy("public", audit="call")


def test_every_method_of_the_product_states_a_policy():
    for file in (cache_pb2, limit_pb2, user_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                assert method_policy(method) is not None
