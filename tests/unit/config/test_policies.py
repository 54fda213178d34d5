from blrcs.config.policies import PermissionAccess, override_for
from blrcs.config.settings import Settings

POLICIES = Settings(
    policies={
        "/a.b.Service/*": {"access": "authenticated", "audit": "call", "disabled": True},
        "/a.b.Service/Get": {"access": {"permission": "x.get"}, "disabled": False},
        "/a.b.Other/Get": {"response_cache_ttl": "5s"},
    }
).policies


def test_a_methods_keys_win_over_its_services_one_by_one():
    override = override_for("/a.b.Service/Get", POLICIES)
    assert override.access == PermissionAccess(permission="x.get")
    assert override.audit == "call"
    assert override.disabled is False


def test_a_service_speaks_for_all_its_methods_and_no_others():
    assert override_for("/a.b.Service/List", POLICIES).disabled is True
    assert override_for("/a.b.Services/List", POLICIES) is None
    assert override_for("/a.b.Service", POLICIES) is None


def test_a_method_named_alone_has_its_own():
    override = override_for("/a.b.Other/Get", POLICIES)
    assert override.response_cache_ttl.seconds == 5
    assert override.access is None
    assert override_for("/a.b.Other/List", POLICIES) is None
