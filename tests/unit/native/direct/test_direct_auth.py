import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.api.auth_service import AuthService
from blrcs.application.auth.introspect_token import IntrospectToken
from blrcs.assembly.direct import direct_auth
from blrcs.config.policies import PermissionAccess, PolicyOverride
from blrcs.security.token_inspector import VerifyingTokenInspector
from blrcs.v1 import auth_pb2, auth_pb2_grpc
from blrcs_native.tokens.revocations import Revocations
from tests.unit.native.direct.direct_twins import Twins, World, declines_what_protobuf_refuses
from tests.unit.native.encoding.wire_strategies import near
from tests.unit.native.tokens.test_failed_verifications import FAILURES, bound
from tests.unit.native.tokens.token_factory import (
    AUDIENCE,
    ISSUER,
    NOW_NS,
    NOW_S,
    FakeClock,
    make_token,
    make_verifier,
)

INTROSPECT = "/blrcs.v1.AuthService/Introspect"
OTHER_USE_CASES = (
    "sign_in",
    "complete_sign_in",
    "begin_passkey_sign_in",
    "step_up",
    "refresh",
    "sign_out",
    "get_jwks",
    "list_sessions",
    "revoke_session",
    "issue_service_token",
    "exchange_token",
    "revoke_tokens",
)


class AuthWorld(World):
    def __init__(self, clock, overrides=None, failures=None):
        self.revocations = Revocations(clock=clock)
        self.verifier = make_verifier(
            "EdDSA",
            clock=clock,
            revocations=self.revocations,
            cache_entries=8,
            failures=failures,
        )
        service = AuthService(
            introspect_token=IntrospectToken(inspector=VerifyingTokenInspector(self.verifier)),
            **dict.fromkeys(OTHER_USE_CASES),
        )
        super().__init__(
            lambda server: auth_pb2_grpc.add_AuthServiceServicer_to_server(service, server),
            lambda: self.verifier.cached_count,
            direct_auth(service, self.verifier),
            overrides or {},
        )


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def twins(clock):
    return Twins(AuthWorld(clock), AuthWorld(clock))


def body(token):
    return auth_pb2.IntrospectRequest(token=token).SerializeToString()


def signed(**claims):
    return make_token("EdDSA", **claims)


TOKENS = {
    "of a session": signed(sub="users/alice"),
    "of a service account": signed(sub="serviceAccounts/robot", sid=..., jti=...),
    "with a session of no user": signed(sub="serviceAccounts/robot"),
    "of a user without a session": signed(sub="users/alice", sid=...),
    "for several audiences": signed(aud=[AUDIENCE, "ü", "third"]),
    "of a name beyond ASCII": signed(sub="users/älice", jti="ключ"),
    "without an instant of issue": signed(iat=...),
    "with a fraction of a second": signed(iat=NOW_S - 0.5, exp=NOW_S + 0.25),
    "that has expired": signed(exp=NOW_S),
    "that is not valid yet": signed(nbf=NOW_S + 1),
    "for somebody else": signed(aud="another"),
    "of another issuer": signed(iss="https://other.example"),
    "of another key": make_token("EdDSA", number=1),
    "that was changed": signed()[:-4] + "AAAA",
    "that is none": "none",
    "that is not ASCII": "ü.ü.ü",
    "that is too long": "x" * 8192,
    "beyond what is read": "x" * 8193,
    "that is empty": "",
}
MISNAMED = {
    "a user's name too long by a segment": signed(sub="users/alice/x"),
    "a user's name without an id": signed(sub="users/"),
}
STEPS = st.lists(
    st.tuples(
        near(st.sampled_from(list((TOKENS | MISNAMED).values())).map(body)),
        st.sampled_from(["users/admin", "users/admin", "users/alice", None]),
        st.sampled_from([0, 0, 10**8, 10**9]),
    ),
    max_size=8,
)


@given(STEPS)
@settings(deadline=None)
def test_nobody_can_tell_who_answers(steps):
    clock = FakeClock()
    twins = Twins(AuthWorld(clock), AuthWorld(clock))
    for body, principal, passed_ns in steps:
        clock.now_ns += passed_ns
        twins.call(INTROSPECT, body, principal)


@pytest.mark.parametrize("name", TOKENS)
def test_every_token_is_told_of_alike(twins, name):
    asked = body(TOKENS[name])
    needs_python = name in {"beyond what is read", "that is empty"}
    for _ in range(2):  # the second time it is remembered
        assert twins.is_answered(INTROSPECT, asked) is not needs_python


@pytest.mark.parametrize("name", MISNAMED)
def test_a_session_of_no_proper_user_is_refused_alike(twins, name):
    assert twins.is_answered(INTROSPECT, body(MISNAMED[name]))
    assert twins.call(INTROSPECT, body(MISNAMED[name])).rejection[2] == "FIELD_INVALID"


def test_what_a_token_says(twins):
    reply = auth_pb2.IntrospectResponse.FromString(
        twins.call(INTROSPECT, body(TOKENS["of a session"])).reply
    )
    assert (reply.active, reply.principal, reply.session) == (
        True,
        "users/alice",
        "users/alice/sessions/session-1",
    )
    assert (reply.issuer, list(reply.audiences), reply.token_id) == (ISSUER, [AUDIENCE], "token-1")
    assert reply.issue_time.ToNanoseconds() == NOW_NS


def test_a_revocation_counts_at_once(twins):
    asked = body(TOKENS["of a session"])
    assert auth_pb2.IntrospectResponse.FromString(twins.call(INTROSPECT, asked).reply).active
    for world in (twins.python, twins.direct):
        world.revocations.revoke_session(ISSUER, "session-1", expires_at_ns=NOW_NS + 10**12)
    assert twins.is_answered(INTROSPECT, asked)
    assert twins.call(INTROSPECT, asked).reply == b""


def test_who_may_not_has_no_token_looked_at(twins):
    outcome = twins.call(INTROSPECT, body(TOKENS["of a session"]), "users/alice")
    assert outcome.rejection[1] == "authorization"
    assert twins.direct.verifier.cached_count == 0


def test_who_asks_too_often_in_vain_is_refused_alike(clock):
    twins = Twins(*(AuthWorld(clock, failures=bound(clock)) for _ in range(2)))
    tokens = [make_token("EdDSA", number=1, jti=f"{each}") for each in range(FAILURES + 1)]
    for token in tokens[:-1]:
        assert twins.call(INTROSPECT, body(token)).reply == b""
    for token in (tokens[-1], signed(sub="users/alice")):
        assert twins.is_answered(INTROSPECT, body(token))
        assert twins.call(INTROSPECT, body(token)).rejection[2] == "TOKEN_NOT_VERIFIED"
    # What is known to be bad costs nothing.
    assert twins.call(INTROSPECT, body(tokens[0])).reply == b""


def test_a_policy_may_ask_for_the_token(clock):
    access = PermissionAccess(permission="tokens.introspect", resource="caches/{token}")
    overrides = {INTROSPECT: PolicyOverride(access=access)}
    twins = Twins(AuthWorld(clock, overrides), AuthWorld(clock, overrides))
    for principal in ("users/admin", "users/alice", "users/nobody"):
        assert twins.is_answered(INTROSPECT, body("sessions"), principal)
    # Who holds the permission somewhere is let through to where the token is read.
    assert twins.call(INTROSPECT, body("sessions"), "users/alice").reply == b""
    assert twins.is_answered(INTROSPECT, body("other"), "users/alice")
    assert twins.call(INTROSPECT, body("other"), "users/alice").rejection[0] == 7


def test_what_protobuf_refuses_is_declined(clock):
    refused = declines_what_protobuf_refuses(
        AuthWorld(clock), INTROSPECT, auth_pb2.IntrospectRequest.FromString, [body("tökens")]
    )
    assert refused > 100
