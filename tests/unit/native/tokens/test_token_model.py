"""Any token gets from the verifier exactly what the plain model decides."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.keys import Keyset
from blrcs_native.tokens.revocations import Revocations
from tests.unit.native.tokens.token_factory import (
    AUDIENCE,
    ISSUER,
    NOW_NS,
    NOW_S,
    FakeClock,
    assemble,
    claims_of,
    encode,
    header_of,
    make_verifier,
    signing_key,
    verification_key,
)
from tests.unit.native.tokens.token_model import Revoked, Trust, decide, instant_ns

SECRET = signing_key("HS256")


def judge(message: bytes, signature: bytes) -> bool:
    return hmac.new(SECRET, message, hashlib.sha256).digest() == signature


TRUST = Trust(
    keys={"k1": ("HS256", judge), "k2": ("HS512", lambda *_: False)},
    leeway_s=10,
    max_bytes=1200,
)
LONE_TRUST = Trust(keys={"k1": ("HS256", judge)}, allow_missing_kid=True, types={"a+b"})
KEYSET = Keyset([verification_key("HS256"), verification_key("HS512", "k2", number=5)])

odd_values = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=3), st.just([]), st.just({}),
    st.lists(st.sampled_from([AUDIENCE, "billing", 1, None]), max_size=3),
)  # fmt: skip
instants = st.one_of(
    st.integers(NOW_S - 12, NOW_S + 12),
    st.floats(NOW_S - 11, NOW_S + 11),
    st.sampled_from([0, -1, 2**31, 9_223_000_000, 9_223_000_001, 2**63, 2**64, -(2**63), 1e300]),
    odd_values,
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["HS256", "HS256", "HS256", "HS512", "none", "hs256", 1, None]),
        "kid": st.sampled_from(["k1", "k1", "k1", "k2", "k3", "", None, 7]),
        "typ": st.sampled_from(["JWT", "at+JWT", "application/jwt", "a+b", "jose", "\u212a", 1]),
        "crit": odd_values,
        "b64": odd_values,
        "jwk": odd_values,
    },
)
claim_sets = st.fixed_dictionaries(
    {},
    optional={
        "iss": st.one_of(st.just(ISSUER), st.just(ISSUER + "/"), odd_values),
        "sub": st.one_of(st.just("users/7"), odd_values),
        "aud": st.one_of(st.just([AUDIENCE, "x"]), st.just("stock"), odd_values),
        "exp": instants,
        "nbf": instants,
        "iat": instants,
        "jti": odd_values,
        "sid": st.one_of(st.just("session-1"), odd_values),
        "scope": st.one_of(
            st.text(" ab", max_size=6), st.lists(st.text(" ab", max_size=3), max_size=2), odd_values
        ),
        "client_id": odd_values,
        "extra": odd_values,
    },
)


def members(base: dict[str, Any]) -> st.SearchStrategy[list[tuple[str, Any]]]:
    """A few changes to members that are accepted, sometimes naming one twice."""
    # A wrong header hides the claims, so most headers are right.
    untouched = [True, True, True, False] if "alg" in base else [True, False, False, False]

    @st.composite
    def build(draw: st.DrawFn, chosen: st.SearchStrategy[dict[str, Any]]) -> list[tuple[str, Any]]:
        if draw(st.sampled_from(untouched)):
            return list(base.items())
        changes = draw(chosen)
        kept = draw(st.sets(st.sampled_from(sorted(changes)), max_size=2)) if changes else set()
        dropped = draw(st.sampled_from([None, None, None, *sorted(base)]))
        pairs = [(name, value) for name, value in base.items() if name not in kept | {dropped}]
        pairs += [(name, changes[name]) for name in sorted(kept)]
        if draw(st.sampled_from([False] * 9 + [True])) and pairs:
            pairs.append(draw(st.sampled_from(pairs)))
        return pairs

    return build(headers if "alg" in base else claim_sets)


def write(pairs: list[tuple[str, Any]]) -> bytes:
    return ("{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in pairs) + "}").encode()


@st.composite
def tokens(draw: st.DrawFn) -> bytes:
    header = write(draw(members(header_of("HS256"))))
    payload = write(draw(members(claims_of(scope="a  b", nbf=NOW_S))))
    token = bytearray(assemble(header, payload, "HS256").encode())
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 2]))):
        where = draw(st.integers(0, len(token) - 1))
        match draw(st.sampled_from(["flip", "drop", "add"])):
            case "flip":
                token[where] ^= 1 << draw(st.integers(0, 7))
            case "drop":
                del token[where]
            case _:
                token.insert(where, draw(st.integers(0, 255)))
    return bytes(token)


clocks = st.one_of(
    st.just(NOW_NS),
    st.builds(
        lambda base, nudge: base + nudge,
        st.sampled_from([NOW_NS + 10 * 10**9, NOW_NS - 10 * 10**9, NOW_NS + 610 * 10**9]),
        st.integers(-2, 2),
    ),
)
id_issuers = st.sampled_from([ISSUER, "other"])
revoked_sets = st.builds(
    Revoked,
    st.sets(st.tuples(id_issuers, st.sampled_from(["session-1", "s"])), max_size=1),
    st.sets(st.tuples(id_issuers, st.sampled_from(["token-1", "t"])), max_size=1),
    st.dictionaries(
        st.tuples(st.just(ISSUER), st.sampled_from(["users/7", "users/8"])),
        st.integers(NOW_NS - 1, NOW_NS + 1),
        max_size=1,
    ),
)


def revocations_of(revoked: Revoked) -> Revocations:
    revocations = Revocations(clock=FakeClock())
    for issuer, session_id in revoked.sessions:
        revocations.revoke_session(issuer, session_id, expires_at_ns=2 * NOW_NS)
    for issuer, token_id in revoked.tokens:
        revocations.revoke_token(issuer, token_id, expires_at_ns=2 * NOW_NS)
    for (issuer, subject), before_ns in revoked.subjects.items():
        revocations.revoke_subject(
            issuer, subject, issued_before_ns=before_ns, expires_at_ns=2 * NOW_NS
        )
    return revocations


def compare(answer: object, expected: dict[str, object] | str) -> None:
    if isinstance(expected, str):
        assert getattr(answer, "reason", None) == expected
        return
    assert isinstance(answer, Claims)
    assert dict(answer.members) == expected
    audience = expected["aud"]
    assert answer.audiences == ((audience,) if isinstance(audience, str) else tuple(audience))
    assert (answer.issuer, answer.subject) == (expected["iss"], expected["sub"])
    assert (answer.session_id, answer.token_id) == (expected.get("sid"), expected.get("jti"))
    assert answer.client_id == expected.get("client_id")
    scope = expected.get("scope", "")
    listed = scope if isinstance(scope, list) else [name for name in scope.split(" ") if name]
    assert list(answer.scopes) == listed
    assert answer.expires_at_ns == instant_ns(expected["exp"])
    assert answer.not_before_ns == instant_ns(expected.get("nbf", 0))
    assert answer.issued_at_ns == instant_ns(expected.get("iat", 0))


@settings(max_examples=800, deadline=None)
@given(tokens(), clocks, revoked_sets)
def test_signed_tokens_with_wrong_members_and_damage(
    token: bytes, now_ns: int, revoked: Revoked
) -> None:
    clock = FakeClock(now_ns)
    verifier = make_verifier(
        keyset=KEYSET,
        leeway_s=10,
        max_bytes=1200,
        clock=clock,
        revocations=revocations_of(revoked),
    )
    expected = decide(token, TRUST, now_ns, revoked)
    for _ in range(2):  # at first sight, and remembered
        compare(verifier.verify(token), expected)
    if token.isascii():
        compare(verifier.verify(token.decode()), expected)


@settings(max_examples=150, deadline=None)
@given(tokens())
def test_a_verifier_that_takes_tokens_without_kid(token: bytes) -> None:
    verifier = make_verifier(allow_missing_kid=True, types=["A+B"])
    compare(verifier.verify(token), decide(token, LONE_TRUST, NOW_NS))


json_texts = st.recursive(
    st.one_of(
        st.sampled_from(["1", "-0", "1e400", "NaN", "18446744073709551616", "01", "1.", "null"]),
        st.sampled_from(['"\\ud800"', '"\\ud83d\\ude00"', '"\x01"', '":"', '"\\":{["', '"\\\\"']),
        st.text(max_size=4).map(json.dumps),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: "[" + ",".join(values) + "]"),
        st.lists(
            st.tuples(st.sampled_from(['"a"', '"\\u0061"', '"b"', '""', '"a:"']), inner),
            max_size=3,
        ).map(lambda pairs: "{" + ", ".join(f"{name} :{value}" for name, value in pairs) + "}"),
    ),
    max_leaves=12,
)


@settings(max_examples=800, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(['"a"', '"\\u0061"', '"c"', '"d"']), json_texts), max_size=3
    ),
    st.one_of(st.none(), st.tuples(st.integers(0, 200), st.binary(max_size=2))),
)
@example([('"a"', '"\\ud800"')], None)
def test_json_objects(pairs: list[tuple[str, str]], splice: tuple[int, bytes] | None) -> None:
    from blrcs_native.encoding.strict_json import read_object
    from tests.unit.native.tokens.token_model import json_object

    text = ("{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}").encode()
    if splice:
        text = text[: splice[0]] + splice[1] + text[splice[0] + 1 :]
    expected = json_object(text)
    assert repr(read_object(text)) == repr(expected)


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("{}", True),
        ('{"a":' + "[" * 15 + "]" * 15 + "}", True),
        ('{"a":' + "[" * 16 + "]" * 16 + "}", False),
        ('{"a":[' + ",".join(["[]"] * 100) + "]}", True),
        ('{"a":[' + ",".join(['{"a":{}}'] * 100) + "]}", True),
        ('{"a":"' + "[{" * 100 + '"}', True),
        (r'{"a":"\\","b":"\"[:"}', True),
        (" {}", False),
        ("{}\n", False),
        ("[]", False),
        ("{", False),
        ("}", False),
        ("", False),
    ],
)
def test_json_objects_of_some_shapes(text: str, is_read: bool) -> None:
    from blrcs_native.encoding.strict_json import read_object
    from tests.unit.native.tokens.token_model import json_object

    assert (read_object(text.encode()) is not None) is is_read
    assert read_object(text.encode()) == json_object(text.encode())


@settings(max_examples=800, deadline=None)
@given(st.text("AQgwZz09-_=+/ \n\x80", max_size=12) | st.binary(max_size=9).map(encode))
def test_base64url(text: str) -> None:
    from blrcs_native.tokens.jws import decode_base64url, encode_base64url
    from tests.unit.native.tokens.token_model import base64url

    octets = decode_base64url(text.encode("latin-1"))
    assert octets == base64url(text)
    if octets is not None:
        assert encode_base64url(octets) == text


@pytest.mark.parametrize("size", range(8))
def test_base64url_of_every_length(size: int) -> None:
    from blrcs_native.tokens.jws import decode_base64url, encode_base64url

    for octets in (bytes(size), b"\xff" * size, bytes(range(251, 251 - size, -1))):
        assert encode_base64url(octets) == encode(octets)
        assert decode_base64url(encode(octets).encode()) == octets
