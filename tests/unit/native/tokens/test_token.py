"""Setting up a verifier, and what its answers look like."""

import copy
import pickle
import time

import jwt
import pytest

from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.keys import Keyset
from blrcs_native.tokens.refusal import REFUSALS, TokenRefusal
from blrcs_native.tokens.revocations import Revocations
from blrcs_native.tokens.verifier import TokenVerifier
from tests.unit.native.tokens.token_factory import (
    ALL_ALGORITHMS,
    AUDIENCE,
    ISSUER,
    NOW_NS,
    NOW_S,
    claims_of,
    make_token,
    make_verifier,
    reason,
    signing_key,
    verification_key,
)


@pytest.mark.parametrize("algorithm", ALL_ALGORITHMS)
def test_tokens_made_by_pyjwt_are_accepted(algorithm: str) -> None:
    token = jwt.encode(
        claims_of(), signing_key(algorithm), algorithm, headers={"kid": "k1", "typ": "at+jwt"}
    )
    answer = make_verifier(algorithm).verify(token)
    assert isinstance(answer, Claims)
    assert dict(answer.members) == claims_of()


def test_claims_carry_what_the_token_says() -> None:
    claims = make_verifier().verify(
        make_token(
            aud=["stock", AUDIENCE], nbf=NOW_S - 1.5, scope="orders.read orders.write", roles=["a"]
        )
    )
    assert isinstance(claims, Claims)
    assert claims.subject == "users/7"
    assert claims.issuer == ISSUER
    assert claims.audiences == ("stock", AUDIENCE)
    assert claims.session_id == "session-1"
    assert claims.token_id == "token-1"
    assert claims.client_id is None
    assert claims.scopes == ("orders.read", "orders.write")
    assert claims.expires_at_ns == NOW_NS + 600 * 10**9
    assert claims.not_before_ns == NOW_NS - 1_500_000_000
    assert claims.issued_at_ns == NOW_NS
    assert claims.kid == "k1"
    assert claims.members["roles"] == ["a"]
    assert repr(claims) == "<Claims of 'users/7' by 'https://id.example'>"


def test_claims_that_are_absent() -> None:
    claims = make_verifier().verify(make_token(sid=..., jti=..., iat=...))
    assert isinstance(claims, Claims)
    assert (claims.session_id, claims.token_id, claims.client_id) == (None, None, None)
    assert (claims.not_before_ns, claims.issued_at_ns, claims.scopes) == (0, 0, ())


def test_claims_cannot_be_made_or_changed_by_others() -> None:
    claims = make_verifier().verify(make_token())
    with pytest.raises(TypeError):
        Claims()
    with pytest.raises(AttributeError):
        claims.subject = "users/1"
    with pytest.raises(TypeError):
        claims.members["sub"] = "users/1"
    with pytest.raises(TypeError):
        pickle.dumps(claims)
    with pytest.raises(TypeError):
        copy.copy(claims)


def test_refusals_are_single_values_that_hold_nothing_of_the_token() -> None:
    verifier = make_verifier()
    assert verifier.verify("secret") is verifier.verify("other") is REFUSALS["TOKEN_MALFORMED"]
    assert len(REFUSALS) == 19
    for name, refusal in REFUSALS.items():
        assert refusal.reason == name
        assert name.startswith("TOKEN_")
        assert refusal.description.endswith(".")
        assert repr(refusal) == f"<TokenRefusal {name}>"
    with pytest.raises(TypeError):
        TokenRefusal("TOKEN_MADE_UP", "")
    with pytest.raises(TypeError):
        REFUSALS["TOKEN_MADE_UP"] = REFUSALS["TOKEN_EXPIRED"]


@pytest.mark.parametrize("token", [None, 1, bytearray(b"a.b.c"), memoryview(b"a.b.c"), ["a"]])
def test_a_token_is_bytes_or_str(token: object) -> None:
    with pytest.raises(TypeError, match="bytes or str"):
        make_verifier().verify(token)


def test_subclasses_of_str_and_bytes_bring_no_hash_of_their_own() -> None:
    class Text(str):
        __slots__ = ()

        def __hash__(self) -> int:
            raise AssertionError

        __eq__ = object.__eq__

    with pytest.raises(TypeError, match="bytes or str"):
        make_verifier().verify(Text(make_token()))


@pytest.mark.parametrize("text", ["\xe9.a.b", "a.\u0430.b", "\ud800", "\0", "", "\U0001f600.a.b"])
def test_texts_beyond_ascii_are_malformed(text: str) -> None:
    assert reason(make_verifier().verify(text)) == "TOKEN_MALFORMED"


def test_a_text_whose_memory_looks_like_a_token_is_not_one() -> None:
    token = next(
        token
        for token in (make_token(sub="s" * size) for size in range(1, 9))
        if not len(token) % 2
    )
    packed = token.encode().decode("utf-16-le").ljust(len(token), "x")
    assert packed.encode("utf-16-le").startswith(token.encode())
    assert isinstance(make_verifier().verify(token), Claims)
    assert reason(make_verifier().verify(packed)) == "TOKEN_MALFORMED"


@pytest.mark.parametrize(
    "settings",
    [
        {"issuers": []},
        {"issuers": ISSUER},
        {"issuers": [""]},
        {"issuers": [1]},
        {"audiences": []},
        {"audiences": AUDIENCE},
        {"audiences": [None]},
        {"types": []},
        {"types": "JWT"},
        {"leeway_s": -1},
        {"leeway_s": 301},
        {"leeway_s": 1.5},
        {"leeway_s": True},
        {"max_ttl_s": 0},
        {"max_ttl_s": 2**40},
        {"max_ttl_s": 1.5},
        {"max_bytes": 0},
        {"cache_entries": -1},
        {"cache_entries": 1},
    ],
)
def test_unfit_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        make_verifier(**settings)


def test_tokens_without_kid_need_a_keyset_of_one_key() -> None:
    two = Keyset([verification_key("HS256"), verification_key("HS256", "k2", 2)])
    token = make_token(header={"kid": ...})
    with pytest.raises(ValueError, match="exactly one key"):
        make_verifier(keyset=two, allow_missing_kid=True)
    verifier = make_verifier(allow_missing_kid=True)
    claims = verifier.verify(token)
    assert isinstance(claims, Claims)
    assert claims.kid == "k1"
    keyset = verifier.keyset
    with pytest.raises(ValueError, match="exactly one key"):
        verifier.replace_keyset(two)
    assert verifier.keyset is keyset
    assert isinstance(verifier.verify(token), Claims)
    assert reason(verifier.verify(make_token(header={"kid": "k2"}))) == "TOKEN_KEY_UNKNOWN"


def test_replacing_the_keyset_counts_generations() -> None:
    verifier = make_verifier()
    before = verifier.keyset_generation
    verifier.replace_keyset(Keyset([verification_key("HS256", "k2")]))
    assert verifier.keyset_generation == before + 1
    assert list(verifier.keyset)[0].kid == "k2"  # noqa: RUF015


def test_a_verifier_without_revocations_has_its_own() -> None:
    verifier = make_verifier()
    token = make_token()
    assert isinstance(verifier.verify(token), Claims)
    assert isinstance(verifier.revocations, Revocations)
    verifier.revocations.revoke_session(ISSUER, "session-1", expires_at_ns=2 * NOW_NS)
    assert reason(verifier.verify(token)) == "TOKEN_REVOKED"


@pytest.mark.parametrize("clock", [time.time_ns, lambda: 0 + time.time_ns()])
def test_the_default_clock_is_the_wall_clock(clock: object) -> None:
    now_s = time.time_ns() // 10**9
    verifier = TokenVerifier(
        Keyset([verification_key("HS256")]), issuers=[ISSUER], audiences=[AUDIENCE], clock=clock
    )
    assert isinstance(verifier.verify(make_token(iat=now_s - 1, exp=now_s + 3600)), Claims)
    assert reason(verifier.verify(make_token(iat=0, exp=now_s - 1))) == "TOKEN_EXPIRED"
    late = make_token(iat=now_s + 3600, exp=now_s + 7200)
    assert reason(verifier.verify(late)) == "TOKEN_ISSUED_IN_FUTURE"
