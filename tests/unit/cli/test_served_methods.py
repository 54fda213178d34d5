import pytest

from blrcs.cli.served_methods import served_methods
from blrcs.config.settings import Settings
from blrcs.domain.policy import Permission
from blrcs.interceptors.proto_policy import PolicyError

CHECK = "/blrcs.v1.AccessService/Check"


def names(**settings):
    return [method.name for method in served_methods(Settings(**settings))]


def test_all_services_that_a_server_has_are_listed_by_name():
    found = names()
    assert found == sorted(found)
    services = {name[1:].rpartition("/")[0] for name in found}
    assert services == {
        *(
            f"blrcs.v1.{name}Service"
            for name in (
                "Access",
                "Audit",
                "Auth",
                "Cache",
                "Credential",
                "Encryption",
                "Limit",
                "Record",
                "User",
            )
        ),
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_the_standard_services_remain_without_the_built_in_ones():
    found = names(services={"builtin": False}, environment="production")
    assert {name.rpartition("/")[0] for name in found} == {"/grpc.health.v1.Health"}


def test_the_configuration_overrides_policies():
    policies = {CHECK: {"access": "public", "shadow": ["validation"]}}
    settings = Settings(policies=policies, guards={"shadow": ["rate_limit"]})
    found = {method.name: method.policy for method in served_methods(settings)}
    assert found[CHECK].access == "public"
    assert found[CHECK].shadow == {"validation", "rate_limit"}


def test_a_disabled_method_has_no_pipeline():
    settings = Settings(policies={CHECK: {"disabled": True}})
    found = {method.name: method.policy for method in served_methods(settings)}
    assert found[CHECK] is None
    assert sum(policy is None for policy in found.values()) == 1


def test_what_a_server_would_refuse_to_start_with_is_refused():
    with pytest.raises(PolicyError, match="names no method that is served"):
        served_methods(Settings(policies={"/no.Service/Method": {"audit": "call"}}))


def test_it_is_known_which_requests_are_validated():
    found = {method.name: method.is_validated for method in served_methods(Settings())}
    assert found[CHECK]
    assert not found["/blrcs.v1.AuthService/GetJwks"]


def test_what_is_kept_for_administrators_is_not_for_everyone_to_take():
    standard = {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List"}
    critical = {each for each in served_methods(Settings()) if each.policy.priority == "critical"}
    assert standard < {each.name for each in critical}
    for method in critical:
        access = method.policy.access
        needs_right = isinstance(access, Permission) and not access.or_owner
        assert needs_right or method.name in standard, method.name
