import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.application.ports.credentials import Asker
from blrcs.security.signing_keys import SigningKey
from blrcs.security.token_inspector import VerifyingTokenInspector
from blrcs.security.token_issuer import JwtIssuer
from blrcs.security.token_revoker import VerifierRevoker
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.revocations import Revocations
from blrcs_native.tokens.verifier import TokenVerifier
from tests.unit.application.identity_fakes import (
    MINUTE_NS,
    NOW_NS,
    SECOND_NS,
    FakeClock,
    counting_random,
)

ISSUER = "https://blrcs.test"
AUDIENCE = "blrcs"
ASKER = Asker("users/bob", "203.0.113.7")


@pytest.fixture
def clock():
    return FakeClock(NOW_NS + 700_000_000)


@pytest.fixture
def key():
    return SigningKey(Ed25519PrivateKey.generate())


@pytest.fixture
def issuer(key, clock):
    return JwtIssuer(key, issuer=ISSUER, audience=AUDIENCE, clock=clock, random=counting_random())


@pytest.fixture
def revocations(clock):
    return Revocations(clock=clock)


@pytest.fixture
def inspector(key, clock, revocations):
    verifier = TokenVerifier(
        Keyset([VerificationKey.from_jwk(each) for each in key.jwks()]),
        issuers=[ISSUER],
        audiences=[AUDIENCE],
        types=["at+jwt"],
        leeway_s=0,
        clock=clock,
        revocations=revocations,
    )
    return VerifyingTokenInspector(verifier)


def decode(token):
    return jwt.decode(token.text, options={"verify_signature": False})


def test_a_users_token_carries_its_session_and_nothing_unasked(issuer, key):
    token = issuer.issue("users/alice", "s1", not_after_ns=None)

    now_s = NOW_NS // SECOND_NS
    claims = decode(token)
    assert len(claims.pop("jti")) == 22
    assert claims == {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "users/alice",
        "sid": "s1",
        "iat": now_s,
        "iat_ns": 700_000_000,
        "nbf": now_s,
        "exp": now_s + 15 * 60,
    }
    assert jwt.get_unverified_header(token.text) == {
        "alg": "EdDSA",
        "typ": "at+jwt",
        "kid": key.kid,
    }
    assert token.ttl_ns == 15 * MINUTE_NS - 700_000_000


def test_a_required_password_change_and_an_api_key_are_told(issuer):
    user = issuer.issue("users/alice", "s", not_after_ns=None, password_change_required=True)
    robot = issuer.issue("serviceAccounts/robot", "s", not_after_ns=None, api_key_id="ci")

    assert decode(user)["pwc"] is True
    assert "akid" not in decode(user)
    assert decode(robot)["akid"] == "ci"
    assert "pwc" not in decode(robot)


def test_no_two_tokens_have_one_id(issuer):
    ids = {decode(issuer.issue("users/alice", "s", not_after_ns=None))["jti"] for _ in range(9)}

    assert len(ids) == 9


@pytest.mark.parametrize(
    ("not_after_ns", "expire_s"),
    [
        (NOW_NS + 5 * SECOND_NS, NOW_NS // SECOND_NS + 5),
        (NOW_NS + 5 * SECOND_NS - 1, NOW_NS // SECOND_NS + 4),
        (NOW_NS + 3600 * SECOND_NS, NOW_NS // SECOND_NS + 900),
    ],
)
def test_a_token_does_not_outlive_what_it_stands_for(issuer, clock, not_after_ns, expire_s):
    token = issuer.issue("users/alice", "s", not_after_ns=not_after_ns)

    assert decode(token)["exp"] == expire_s
    assert token.ttl_ns == expire_s * SECOND_NS - clock()


def test_a_life_below_a_second_is_refused(key, clock):
    with pytest.raises(ValueError, match="second"):
        JwtIssuer(
            key, issuer=ISSUER, audience=AUDIENCE, clock=clock, random=bytes, ttl_ns=SECOND_NS - 1
        )


def test_the_inspector_tells_what_a_valid_token_says(issuer, inspector):
    token = issuer.issue("users/alice", "s1", not_after_ns=None)

    facts = inspector.inspect(token.text, ASKER)

    assert facts.principal == "users/alice"
    assert facts.session_id == "s1"
    assert facts.token_id == decode(token)["jti"]
    assert facts.issuer == ISSUER
    assert list(facts.audiences) == [AUDIENCE]
    assert facts.issue_time_ns == NOW_NS
    assert facts.expire_time_ns == NOW_NS + 15 * MINUTE_NS


def test_any_doubt_makes_a_token_invalid(issuer, inspector, clock, key):
    text = issuer.issue("users/alice", "s1", not_after_ns=None).text
    other_key = SigningKey(Ed25519PrivateKey.generate())

    def by(signing_key, issuer=ISSUER, audience=AUDIENCE):
        other = JwtIssuer(signing_key, issuer=issuer, audience=audience, clock=clock, random=bytes)
        return other.issue("users/alice", "s1", not_after_ns=None).text

    doubtful = ["", "x", text[:-1], text + ".", text.upper(), by(other_key)]
    doubtful += [by(key, issuer="https://elsewhere.test"), by(key, audience="other")]
    assert inspector.inspect(by(key), ASKER) is not None
    for each in doubtful:
        assert inspector.inspect(each, ASKER) is None
    clock.advance(15 * MINUTE_NS)
    assert inspector.inspect(text, ASKER) is None


def test_revoked_sessions_are_refused_at_once_and_others_are_not(
    issuer, inspector, revocations, clock
):
    texts = [issuer.issue("users/alice", s, not_after_ns=None).text for s in ("a", "b", "c")]
    for text in texts:
        assert inspector.inspect(text, ASKER) is not None

    revoker = VerifierRevoker(revocations, issuer=ISSUER)
    revoker.revoke_sessions(["a", "b"], expires_at_ns=clock() + 15 * MINUTE_NS)

    assert [inspector.inspect(text, ASKER) is not None for text in texts] == [False, False, True]
