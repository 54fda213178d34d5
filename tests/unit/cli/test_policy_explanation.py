from dataclasses import replace

import pytest
from google.protobuf.message_factory import GetMessageClass

from blrcs.cli.policy_explanation import Caller, Question, explain, outcome
from blrcs.cli.policy_verdict import Verdict
from blrcs.cli.served_methods import served_methods
from blrcs.cli.stored_access import Account, StoredAccess
from blrcs.config.settings import Settings
from blrcs.domain.policy import Limit, Permission, ResponseCache
from blrcs.security.condition_compiler import compile_condition
from blrcs_native.access.table import AccessTable, BindingSpec, GroupSpec, RoleSpec

GET_USER = "/blrcs.v1.UserService/GetUser"
LIST_USERS = "/blrcs.v1.UserService/ListUsers"
CACHE_GET = "/blrcs.v1.CacheService/Get"
GET_JWKS = "/blrcs.v1.AuthService/GetJwks"
SIGN_OUT = "/blrcs.v1.AuthService/SignOut"
CHANGE_PASSWORD = "/blrcs.v1.UserService/ChangePassword"

READERS = "bindings/readers gives roles/reader to groups/readers on caches/a"
TABLE = AccessTable(
    [RoleSpec("roles/reader", ["blrcs.caches.get"]), RoleSpec("roles/all", ["*"])],
    [GroupSpec("groups/readers", ["users/bob"])],
    [
        BindingSpec("bindings/all", "roles/all", ["users/admin"], ""),
        BindingSpec("bindings/readers", "roles/reader", ["groups/readers"], "caches/a"),
        BindingSpec("bindings/old", "roles/reader", ["users/eve"], "caches", 1),
        BindingSpec("bindings/no", "roles/all", ["users/max"], "users/max", denies=True),
        BindingSpec(
            "bindings/maybe",
            "roles/reader",
            ["users/may"],
            condition=compile_condition("request.method != ''"),
        ),
    ],
)


@pytest.fixture(scope="module")
def methods():
    return {method.name: method for method in served_methods(Settings())}


def caller(name, *, disabled=False, password_change_required=False):
    account = Account(disabled, password_change_required)
    return Caller(principal=name, stored=StoredAccess(TABLE, account))


def ask(method, principal="", *, policy=None, resource=None, **fields):
    """The verdicts by stage; ``fields`` are those of the request, where any are given."""
    who = principal if isinstance(principal, Caller) else Caller()
    if isinstance(principal, str) and principal:
        who = caller(principal)
    request = None
    if fields:
        request = GetMessageClass(method.registration.descriptor.input_type)(**fields)
    question = Question(caller=who, request=request, resource=resource)
    verdicts = explain(method, policy or method.policy, question)
    return {verdict.stage: verdict for verdict in verdicts}


def told(verdict):
    return verdict.decision, verdict.code, verdict.reasons


def test_stages_come_in_the_order_of_the_road(methods):
    assert list(ask(methods[GET_USER])) == [
        "network",
        "rate limit by address and method",
        "authentication",
        "rate limit by principal",
        "authorization",
        "validation",
        "idempotency",
        "response cache",
    ]


@pytest.mark.parametrize(
    ("who", "namespace", "code"),
    [
        ("users/bob", "", "INVALID_ARGUMENT"),
        ("users/bob", "a\n", "PERMISSION_DENIED"),
        ("users/eve", "", "PERMISSION_DENIED"),
    ],
)
def test_who_may_somewhere_is_told_of_a_field_that_names_nothing(methods, who, namespace, code):
    verdict = ask(methods[CACHE_GET], who, namespace=namespace)["authorization"]
    assert verdict.reasons == ("the request names no valid resource by 'caches/{namespace}'",)
    assert (verdict.decision, verdict.code) == ("rejects", code)


def test_a_public_method_asks_for_no_token(methods):
    verdicts = ask(methods[GET_JWKS])
    assert verdicts["authentication"].decision == "nothing to decide"
    assert verdicts["authorization"].reasons == ("anyone may call",)
    assert verdicts["rate limit by address and method"].decision == "depends"


@pytest.mark.parametrize(
    ("who", "code", "reason"),
    [
        (Caller(), "UNAUTHENTICATED", "the call has no token"),
        (
            Caller(principal="users/nobody", stored=StoredAccess(TABLE, None)),
            "UNAUTHENTICATED",
            "no account users/nobody is stored, so that no token of it is valid",
        ),
        (
            caller("users/bob", disabled=True),
            "UNAUTHENTICATED",
            "users/bob is disabled, and its tokens are refused",
        ),
        (
            caller("users/bob", password_change_required=True),
            "FAILED_PRECONDITION",
            "users/bob must change its password first",
        ),
    ],
)
def test_authentication_says_what_is_wrong_with_a_caller(methods, who, code, reason):
    assert told(ask(methods[LIST_USERS], who)["authentication"]) == ("rejects", code, (reason,))


def test_authentication_admits_an_account_in_order(methods):
    verdict = ask(methods[LIST_USERS], "users/bob")["authentication"]
    assert told(verdict) == ("admits", "", ("a valid token of users/bob",))


def test_a_password_may_be_changed_by_who_must(methods):
    who = caller("users/bob", password_change_required=True)
    assert ask(methods[CHANGE_PASSWORD], who)["authentication"].decision == "admits"
    assert ask(methods[LIST_USERS], who)["authentication"].decision == "rejects"


def test_a_constant_resource_is_decided_without_a_request(methods):
    assert told(ask(methods[LIST_USERS], "users/admin")["authorization"]) == (
        "admits",
        "",
        (
            "blrcs.users.list on users: a binding grants it",
            "bindings/all gives roles/all to users/admin on the root",
        ),
    )
    verdict = ask(methods[LIST_USERS], "users/bob")["authorization"]
    assert (verdict.decision, verdict.code) == ("rejects", "PERMISSION_DENIED")


def test_a_request_names_the_resource(methods):
    inside = ask(methods[CACHE_GET], "users/bob", namespace="a", key="k")["authorization"]
    assert told(inside) == (
        "admits",
        "",
        (
            "blrcs.caches.get on caches/a: a binding grants it",
            READERS,
        ),
    )
    outside = ask(methods[CACHE_GET], "users/bob", namespace="b", key="k")["authorization"]
    assert told(outside) == (
        "rejects",
        "PERMISSION_DENIED",
        (
            "blrcs.caches.get on caches/b: it is granted on other resources only",
            f"{READERS}: it is granted on other resources only",
        ),
    )


def test_a_resource_can_be_named_instead(methods):
    assert ask(methods[CACHE_GET], "users/bob", resource="caches/a")["authorization"].decision == (
        "admits"
    )
    assert ask(methods[CACHE_GET], "users/bob", resource="caches/b")["authorization"].decision == (
        "rejects"
    )


def test_an_expired_binding_is_named(methods):
    verdict = ask(methods[CACHE_GET], "users/eve", resource="caches/a")["authorization"]
    assert verdict.decision == "rejects"
    assert "bindings/old" in verdict.reasons[1]
    assert "expired" in verdict.reasons[1]


def test_without_a_request_it_is_asked_whether_the_permission_is_held_anywhere(methods):
    held = ask(methods[CACHE_GET], "users/bob")["authorization"]
    assert held.decision == "depends"
    assert "holds it on some resource" in held.reasons[0]
    not_held = ask(methods[CACHE_GET], "users/carol")["authorization"]
    assert (not_held.decision, not_held.code) == ("rejects", "PERMISSION_DENIED")
    assert "holds it on none" in not_held.reasons[0]


def test_an_owner_needs_no_permission(methods):
    own = ask(methods[GET_USER], "users/carol", name="users/carol")["authorization"]
    assert told(own) == ("admits", "", ("users/carol owns users/carol",))
    other = ask(methods[GET_USER], "users/carol", name="users/carolina")["authorization"]
    assert other.decision == "rejects"
    assert ask(methods[GET_USER], "users/carol")["authorization"].decision == "depends"


def test_a_request_that_names_no_resource_is_refused(methods):
    verdict = ask(methods[GET_USER], "users/admin", name="users//x")["authorization"]
    assert (verdict.decision, verdict.code) == ("rejects", "PERMISSION_DENIED")


def test_a_call_without_a_principal_holds_no_permission(methods):
    assert ask(methods[LIST_USERS])["authorization"].code == "PERMISSION_DENIED"


def test_validation_names_every_broken_rule(methods):
    verdict = ask(methods[CACHE_GET], "users/admin", namespace="X Y")["validation"]
    assert (verdict.decision, verdict.code) == ("rejects", "INVALID_ARGUMENT")
    assert [reason.split(":")[0] for reason in verdict.reasons] == ["namespace", "key"]
    good = ask(methods[CACHE_GET], "users/admin", namespace="a", key="k")["validation"]
    assert good.decision == "admits"
    assert ask(methods[CACHE_GET])["validation"].decision == "depends"


def test_limits_say_by_what_they_count(methods):
    method = methods[SIGN_OUT]
    policy = replace(method.policy, limits=(Limit("principal", 7), Limit("address", 9)))
    verdicts = ask(method, "users/bob", policy=policy)
    assert verdicts["rate limit by address and method"].reasons == (
        "9 in 1s by address, 9 at once; counted in the running server",
    )
    assert verdicts["rate limit by principal"].reasons == (
        "7 in 1s by principal, 7 at once; counted in the running server",
        "for users/bob",
    )
    public = ask(method, "users/bob", policy=replace(policy, access="public"))
    assert public["rate limit by principal"].reasons[1] == "by address: the call has no principal"


def test_a_guard_in_shadow_says_so_and_stops_nothing(methods):
    shadow = frozenset({"authentication", "authorization", "validation"})
    policy = replace(methods[CACHE_GET].policy, shadow=shadow)
    verdicts = ask(methods[CACHE_GET], policy=policy, namespace="X")
    rejecting = [verdict for verdict in verdicts.values() if verdict.decision == "rejects"]
    stages = [verdict.stage for verdict in rejecting]
    assert stages == ["authentication", "authorization", "validation"]
    assert not any(verdict.stops for verdict in rejecting)
    assert outcome(list(verdicts.values())) == "admitted"


def test_middleware_says_what_it_keeps(methods):
    policy = replace(
        methods[CACHE_GET].policy,
        response_cache=ResponseCache(5_000_000_000),
        idempotency_ttl_ns=60_000_000_000,
    )
    verdicts = ask(methods[CACHE_GET], policy=policy)
    assert "of the last 1m gets the first" in verdicts["idempotency"].reasons[0]
    assert "of the same principal within 5s" in verdicts["response cache"].reasons[0]
    shared = replace(policy, response_cache=ResponseCache(1, shared=True))
    assert "of any principal" in ask(methods[CACHE_GET], policy=shared)["response cache"].reasons[0]


def test_the_first_stage_that_stops_a_call_is_its_outcome():
    verdicts = [
        Verdict("a", "depends", ("",)),
        Verdict("b", "rejects", ("",), "NOT_FOUND", shadow=True),
        Verdict("c", "rejects", ("",), "ABORTED"),
        Verdict("d", "rejects", ("",), "INTERNAL"),
    ]
    assert outcome(verdicts) == "rejected with ABORTED by c"
    assert outcome(verdicts[:2]) == "admitted, unless refused by a"
    assert outcome(verdicts[1:2]) == "admitted"


def test_the_road_agrees_with_the_pipeline(methods):
    """Every method that needs a permission is refused to who has none, and only those."""
    for method in methods.values():
        needs = isinstance(method.policy.access, Permission)
        verdict = ask(method, "users/carol")["authorization"]
        owner = needs and method.policy.access.or_owner
        expected = "depends" if owner else "rejects" if needs else "nothing to decide"
        assert verdict.decision == expected, method.name


def test_a_workload_has_a_certificate_and_no_account(methods):
    workload = Caller(principal="workloads/one", stored=StoredAccess(TABLE, None))
    assert ask(methods[SIGN_OUT], workload)["authentication"].decision == "admits"


def test_a_subject_of_an_issuer_has_no_account(methods):
    subject = Caller(
        principal="issuers/test/subjects/abc",
        stored=StoredAccess(TABLE, None),
        templates=("users/{sub}", "issuers/test/subjects/{sub}"),
    )
    verdict = ask(methods[SIGN_OUT], subject)["authentication"]
    assert told(verdict)[:2] == ("depends", "")
    assert "auth.issuers" in verdict.reasons[0]
    assert "groups" in verdict.reasons[1]


def test_it_goes_by_the_templates_of_the_issuers(methods):
    def asked(name, *templates):
        who = Caller(principal=name, stored=StoredAccess(TABLE, None), templates=templates)
        return told(ask(methods[SIGN_OUT], who)["authentication"])

    assert asked("users/nobody", "users/{sub}")[0] == "depends"
    assert asked("users/nobody", "issuers/test/{sub}")[0] == "rejects"
    assert asked("user/alice", "users/{sub}") == (
        "rejects",
        "UNAUTHENTICATED",
        ("user/alice is no account's name, and none of auth.issuers makes it",),
    )
    assert asked("issuers/test/subjects/abc")[0] == "rejects"


def test_a_denial_is_named_also_to_an_owner(methods):
    verdict = ask(methods[GET_USER], "users/max", name="users/max")["authorization"]
    assert told(verdict)[:2] == ("rejects", "PERMISSION_DENIED")
    assert verdict.reasons[1] == "bindings/no denies roles/all to users/max on users/max"


def test_what_a_condition_decides_depends_on_the_call(methods):
    verdict = ask(methods[CACHE_GET], "users/may", namespace="a", key="k")["authorization"]
    assert told(verdict)[:2] == ("depends", "")
    assert verdict.reasons[1] == (
        "bindings/maybe gives roles/reader to users/may on the root: the condition of the binding"
        " that would grant it cannot be judged"
    )
