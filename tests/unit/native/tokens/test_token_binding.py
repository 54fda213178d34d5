"""Scopes, bindings, other issuers and keys that come and go, at the verifier and the guard."""

import asyncio

import pytest

from blrcs.application.ports.credentials import Asker
from blrcs.interceptors.authentication import REJECTIONS
from blrcs.security.token_inspector import VerifyingTokenInspector
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.guards import authentication as authentication_guard
from blrcs_native.guards.authentication import AuthenticationGuard
from blrcs_native.tokens import binding as token_binding
from blrcs_native.tokens.binding import BindingRules
from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.keys import Keyset
from blrcs_native.tokens.revocations import Revocations
from blrcs_native.tokens.verifier import TokenVerifier
from tests.unit.native.tokens.token_factory import (
    NOW_NS,
    make_token,
    make_verifier,
    reason,
    verification_key,
)

OTHER = "https://other.example"
KEY_UNKNOWN = "TOKEN_KEY_UNKNOWN"
HOUR_NS = 3600 * 10**9


def verified(verifier, token):
    claims = verifier.verify(token)
    assert isinstance(claims, Claims), claims
    return claims


# Scopes -------------------------------------------------------------------------------------


def test_a_scope_is_read_once_and_none_is_no_bound():
    verifier = make_verifier()
    narrow = verified(verifier, make_token(scope="orders.read orders.items.*"))
    assert narrow.permitted == {"orders.read", "orders.items.*"}
    assert verified(verifier, make_token()).permitted is None
    # One that names nothing is good for nothing.
    assert verified(verifier, make_token(scope="")).permitted == frozenset()
    lenient = make_verifier(scope_narrows=False)
    assert verified(lenient, make_token(scope="openid")).permitted is None


def test_a_scope_may_be_a_list_as_some_issuers_write_it():
    listed = verified(make_verifier(), make_token(scope=["orders.read", "orders.items.*"]))
    assert listed.scopes == ("orders.read", "orders.items.*")
    assert listed.permitted == {"orders.read", "orders.items.*"}
    assert verified(make_verifier(), make_token(scope=[])).permitted == frozenset()


# What a token is bound to -------------------------------------------------------------------


@pytest.mark.parametrize(
    "confirmation",
    [None, "x", [], {}, {"x5t#S256": ""}, {"x5t#S256": 1}, {"kid": "k"}, {"jkt": "a", "kid": "k"}],
)
def test_a_binding_that_is_not_understood_is_refused(confirmation):
    token = make_token(cnf=confirmation)
    assert reason(make_verifier().verify(token)) == "TOKEN_CLAIMS_INVALID"


def test_a_binding_is_read():
    claims = verified(make_verifier(), make_token(cnf={"x5t#S256": "t", "jkt": "j"}))
    assert (claims.certificate_thumbprint, claims.key_thumbprint) == ("t", "j")


@pytest.mark.parametrize("sessions", [None, "s", [""], [1], {}])
def test_sessions_of_actors_that_are_not_understood_are_refused(sessions):
    assert reason(make_verifier().verify(make_token(asid=sessions))) == "TOKEN_CLAIMS_INVALID"


@pytest.mark.parametrize("actor", [None, "users/a", [], {}, {"sub": ""}, {"sub": 1}])
def test_an_actor_that_is_not_understood_is_refused(actor):
    assert reason(make_verifier().verify(make_token(act=actor))) == "TOKEN_CLAIMS_INVALID"


def call_with(scheme, token):
    method = Method(
        "/s.S/M", client_streaming=False, server_streaming=False, parse=None, serialize=None
    )
    return Call(method, None, (("authorization", f"{scheme} {token}"),), "192.0.2.1")


def refusal(verifier, scheme, token, **rules):
    binding = BindingRules(REJECTIONS, **rules)
    guard = AuthenticationGuard(verifier, REJECTIONS, binding=binding)
    rejection = guard.check(call_with(scheme, token))
    return None if rejection is None else rejection.reason


@pytest.mark.parametrize(
    ("binding", "scheme", "rules", "expected"),
    [
        ({}, "Bearer", {}, None),
        ({}, "DPoP", {}, token_binding.UNBOUND),
        ({}, "Bearer", {"demanded": ["certificate"]}, token_binding.UNBOUND),
        ({}, "Bearer", {"demanded": ["certificate", "proof"]}, token_binding.UNBOUND),
        # Whoever does not look at certificates cannot accept what is bound to one.
        ({"x5t#S256": "c"}, "Bearer", {"certificate_of": None}, token_binding.CERTIFICATE),
        ({"x5t#S256": "c"}, "Bearer", {}, None),
        ({"x5t#S256": "d"}, "Bearer", {}, token_binding.CERTIFICATE),
        ({"x5t#S256": "c"}, "Bearer", {"demanded": ["certificate"]}, None),
        ({"x5t#S256": "c"}, "Bearer", {"demanded": ["certificate", "proof"]}, None),
        ({"x5t#S256": "c"}, "Bearer", {"demanded": ["proof"]}, token_binding.UNBOUND),
        ({"jkt": "k"}, "Bearer", {}, token_binding.PROOF_MISSING),
        ({"jkt": "k"}, "DPoP", {}, None),
        ({"jkt": "k"}, "dpop", {"demanded": ["proof"]}, None),
        ({"jkt": "k"}, "DPoP", {"demanded": ["certificate"]}, token_binding.UNBOUND),
        ({"jkt": "l"}, "DPoP", {}, token_binding.PROOF_INVALID),
        ({"jkt": "k"}, "DPoP", {"check_proof": None}, token_binding.PROOF_INVALID),
        ({"jkt": "k", "x5t#S256": "d"}, "DPoP", {}, token_binding.CERTIFICATE),
    ],
)
def test_a_binding_holds_wherever_a_token_carries_it(binding, scheme, rules, expected):
    token = make_token(cnf=binding) if binding else make_token()
    chosen = {
        "certificate_of": lambda _: "c",
        "check_proof": lambda _, key, of: (key, of) == ("k", token),
    } | rules
    assert refusal(make_verifier(), scheme, token, **chosen) == expected


def test_a_guard_without_rules_accepts_no_bound_token():
    guard = AuthenticationGuard(make_verifier(), REJECTIONS)
    bound = guard.check(call_with("Bearer", make_token(cnf={"x5t#S256": "c"})))
    assert bound.reason == token_binding.CERTIFICATE
    assert guard.check(call_with("Basic", "x")).reason == authentication_guard.SCHEME


def test_the_principal_has_the_scope_and_the_groups_of_its_token():
    verifier = make_verifier()
    verifier.delegate({OTHER: other_verifier()})
    guard = AuthenticationGuard(verifier, REJECTIONS)
    for token, scope, groups in (
        (make_token(scope="orders.read"), {"orders.read"}, ()),
        (make_token(), None, ()),
        (other_token(), None, ("groups/others",)),
    ):
        call = call_with("Bearer", token)
        assert guard.check(call) is None
        assert (call.principal.scope, call.principal.groups) == (scope, groups)


# Keys ---------------------------------------------------------------------------------------


def test_a_keyset_that_only_grows_forgets_no_token():
    key, added = verification_key("HS256"), verification_key("HS256", "k2", 2)
    verifier = make_verifier(keyset=Keyset([key]))
    token = make_token()
    claims = verified(verifier, token)

    verifier.replace_keyset(Keyset([key, added]))
    assert verified(verifier, token) is claims
    assert verified(verifier, make_token(header={"kid": "k2"}, number=2)).kid == "k2"

    verifier.replace_keyset(Keyset([added]))
    assert reason(verifier.verify(token)) == "TOKEN_KEY_UNKNOWN"

    verifier.replace_keyset(Keyset([verification_key("HS256", number=3), added]))
    assert reason(verifier.verify(token)) == "TOKEN_SIGNATURE_INVALID"


def test_a_key_that_is_not_known_yet_is_looked_for():
    key, added = verification_key("HS256"), verification_key("HS256", "k2", 2)
    verifier = make_verifier(keyset=Keyset([key]))
    looks = []

    def look():
        looks.append(1)
        verifier.replace_keyset(Keyset([key, added]))
        return True

    verifier.look_for_keys(look)
    assert verified(verifier, make_token(header={"kid": "k2"}, number=2))
    assert verified(verifier, make_token())
    assert reason(verifier.verify(make_token(header={"kid": "k3"}))) == "TOKEN_KEY_UNKNOWN"
    assert len(looks) == 2
    verifier.look_for_keys(lambda: False)
    assert reason(verifier.verify(make_token(header={"kid": "k3"}))) == "TOKEN_KEY_UNKNOWN"


async def test_the_guard_waits_for_keys_that_are_on_their_way():
    other = other_verifier(keyset=Keyset([], may_be_empty=True))
    verifier = make_verifier()
    verifier.delegate({OTHER: other})
    guard = AuthenticationGuard(verifier, REJECTIONS)
    coming = asyncio.get_running_loop().create_future()
    other.look_for_keys(lambda: coming)

    deciding = [
        asyncio.ensure_future(guard.check(call_with("Bearer", other_token()))) for _ in range(2)
    ]
    assert guard.check(call_with("Bearer", make_token())) is None
    # What is not left to that issuer does not wait.
    assert (
        guard.check(call_with("Bearer", make_token(header={"kid": "k3"})))
        is REJECTIONS[KEY_UNKNOWN]
    )
    await asyncio.sleep(0)
    assert not any(each.done() for each in deciding)
    other.replace_keyset(Keyset([verification_key("HS256", "o1", 7)]))
    coming.set_result(None)
    assert await asyncio.gather(*deciding) == [None, None]


async def test_the_guard_waits_once_and_only_where_there_is_something_to_wait_for():
    other = other_verifier(keyset=Keyset([], may_be_empty=True))
    verifier = make_verifier()
    verifier.delegate({OTHER: other})
    guard = AuthenticationGuard(verifier, REJECTIONS)
    coming = asyncio.get_running_loop().create_future()
    other.look_for_keys(lambda: coming)
    deciding = guard.check(call_with("Bearer", other_token()))
    coming.set_result(None)
    assert await deciding is REJECTIONS[KEY_UNKNOWN]
    for nothing in (coming, None, False, "soon"):
        other.look_for_keys(lambda nothing=nothing: nothing)
        assert guard.check(call_with("Bearer", other_token())) is REJECTIONS[KEY_UNKNOWN]


def test_what_a_revoked_key_signed_is_refused_from_the_cache_too():
    revocations = Revocations(clock=lambda: NOW_NS)
    verifier = make_verifier(revocations=revocations)
    token = make_token()
    verified(verifier, token)

    revocations.revoke_key("https://else.example", "k1", expires_at_ns=2**63 - 1)
    verified(verifier, token)
    revocations.revoke_key("https://id.example", "k1", expires_at_ns=2**63 - 1)

    assert reason(verifier.verify(token)) == "TOKEN_REVOKED"
    assert reason(verifier.verify(make_token(jti="2"))) == "TOKEN_REVOKED"
    assert len(revocations) == 2
    assert revocations.prune() == 0


def test_a_token_ends_with_the_session_of_who_acts_by_it():
    revocations = Revocations(clock=lambda: NOW_NS)
    verifier = make_verifier(revocations=revocations)
    token = make_token(act={"sub": "serviceAccounts/a"}, asid=["mine", "theirs"])
    assert verified(verifier, token).actor == "serviceAccounts/a"

    revocations.revoke_session("https://id.example", "theirs", expires_at_ns=NOW_NS + HOUR_NS)

    assert reason(verifier.verify(token)) == "TOKEN_REVOKED"


# Other issuers ------------------------------------------------------------------------------


def other_verifier(**settings):
    def identify(members):
        subject = members["sub"]
        return None if subject == "nobody" else (f"others/{subject}", ("groups/others",))

    return make_verifier(
        issuers=[OTHER],
        **(
            {"keyset": Keyset([verification_key("HS256", "o1", 7)]), "identify": identify}
            | settings
        ),
    )


def other_token(**claims):
    chosen = {"iss": OTHER, "sub": "x"} | claims
    return make_token(header={"kid": "o1"}, number=7, **chosen)


def test_claims_that_this_server_alone_makes_mean_nothing_in_tokens_of_others():
    verifier = make_verifier()
    verifier.delegate({OTHER: other_verifier()})
    guard = AuthenticationGuard(verifier, REJECTIONS)
    own = guard.check(call_with("Bearer", make_token(pwc=True)))
    assert own.reason == authentication_guard.PASSWORD_CHANGE
    token = other_token(pwc=True, asid=["s"], act={"sub": "y"})
    assert guard.check(call_with("Bearer", token)) is None
    claims = verified(verifier, token)
    assert (claims.actor, claims.actor_sessions) == (None, ())
    facts = VerifyingTokenInspector(verifier).inspect(token, Asker("users/a", "192.0.2.1"))
    assert not facts.password_change_required


def test_tokens_of_another_issuer_are_left_to_its_verifier():
    other = other_verifier()
    verifier = make_verifier()
    verifier.delegate({OTHER: other})
    for _ in range(2):
        claims = verified(verifier, other_token(act={"sub": "users/admin"}, sid="s"))
        assert (claims.principal, claims.groups) == ("others/x", ("groups/others",))
        assert claims.is_foreign
        assert claims.actor is None
        assert verified(verifier, make_token()).principal == "users/7"
        assert not verified(verifier, make_token()).is_foreign
    assert reason(verifier.verify(other_token(sub="nobody"))) == "TOKEN_PRINCIPAL_UNKNOWN"
    assert other.cached_count == verifier.cached_count == 1


def test_another_issuers_token_names_no_part_of_a_second():
    revocations = Revocations(clock=lambda: NOW_NS)
    other = other_verifier(revocations=revocations)
    revocations.revoke_subject(OTHER, "x", issued_before_ns=NOW_NS + 1, expires_at_ns=NOW_NS + 1)
    token = other_token(iat=NOW_NS // 10**9, iat_ns=2)

    assert reason(other.verify(token)) == "TOKEN_REVOKED"


def test_no_issuer_speaks_for_another():
    verifier = make_verifier()
    verifier.delegate({OTHER: other_verifier()})
    # Signed by the other issuer in the name of this one, and the other way round.
    assert reason(verifier.verify(other_token(iss="https://id.example"))) == "TOKEN_KEY_UNKNOWN"
    assert reason(verifier.verify(make_token(iss=OTHER))) == "TOKEN_KEY_UNKNOWN"
    forged = make_token(iss=OTHER, header={"kid": "o1"})
    assert reason(verifier.verify(forged)) == "TOKEN_SIGNATURE_INVALID"
    for issuer in ("https://id.example", OTHER):
        with pytest.raises(ValueError, match="cannot be left"):
            verifier.delegate({issuer: verifier if issuer == OTHER else other_verifier()})


def test_what_another_issuer_revokes_is_refused_at_once():
    revocations = Revocations(clock=lambda: NOW_NS)
    verifier: TokenVerifier = make_verifier(revocations=revocations)
    verifier.delegate({OTHER: other_verifier(revocations=revocations)})
    token = other_token(jti="one")
    verified(verifier, token)
    revocations.revoke_token("https://id.example", "one", expires_at_ns=NOW_NS + HOUR_NS)
    verified(verifier, token)
    revocations.revoke_token(OTHER, "one", expires_at_ns=NOW_NS + HOUR_NS)
    assert reason(verifier.verify(token)) == "TOKEN_REVOKED"


def test_the_principal_is_the_one_that_the_token_stands_for():
    verifier = make_verifier()
    verifier.delegate({OTHER: other_verifier()})
    guard = AuthenticationGuard(verifier, REJECTIONS)
    call = call_with("Bearer", other_token(sid="theirs"))
    assert guard.check(call) is None
    assert call.principal.name == "others/x"
    # Sessions are those of this server alone.
    assert call.principal.session == ""
