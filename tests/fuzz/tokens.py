"""Tokens and what they are made of, as targets of fuzzing, against the model of them."""

import hmac
import json
from collections.abc import Hashable
from functools import cache

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from blrcs_native.encoding.strict_json import read_object
from blrcs_native.tokens.jws import decode_base64url, encode_base64url, split
from blrcs_native.tokens.refusal import TokenRefusal
from blrcs_native.tokens.signature import P256_ORDER, P384_ORDER, ecdsa_to_der, ed25519_form
from blrcs_native.tokens.verifier import TokenVerifier
from tests.unit.native.tokens.token_factory import (
    NOW_NS,
    assemble,
    claims_of,
    header_of,
    make_token,
    make_verifier,
    sign,
)
from tests.unit.native.tokens.token_model import Trust, base64url, decide, json_object

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
# What the model of tokens says nothing of.
BEYOND_THE_MODEL = {"cnf", "act", "asid"}


def is_signed(message: bytes, signature: bytes) -> bool:
    return hmac.compare_digest(sign("HS256", message), signature)


TRUST = Trust({"k1": ("HS256", is_signed)})


@cache
def verifier() -> TokenVerifier:
    return make_verifier()


def token(data: bytes) -> Hashable:
    """A token; none that was changed is accepted."""
    answer = verifier().verify(data)
    if isinstance(answer, TokenRefusal):
        return answer.reason
    assert answer.subject == "users/7"
    return "accepted"


def claims(data: bytes) -> Hashable:
    """A header, or none for the usual one, a zero, and claims: a token that is signed."""
    head, _, payload = data.partition(b"\0")
    sent = assemble(head or json.dumps(header_of("HS256")).encode(), payload, "HS256").encode()
    answer = verifier().verify(sent)
    expected = decide(sent, TRUST, NOW_NS)
    if isinstance(answer, TokenRefusal):
        if answer.reason != expected:
            assert answer.reason == "TOKEN_CLAIMS_INVALID"
            assert not BEYOND_THE_MODEL.isdisjoint(json_object(payload) or ())
        return answer.reason
    assert dict(answer.members) == expected
    bound = (answer.certificate_thumbprint, answer.key_thumbprint)
    assert any(bound) == ("cnf" in answer.members)
    assert (answer.actor is not None) == ("act" in answer.members)
    return (any(bound), answer.actor is None, len(answer.audiences), answer.permitted is None)


def json_text(data: bytes) -> Hashable:
    """What may be one JSON object."""
    found = read_object(data)
    assert found == json_object(data)
    return found is None or tuple(sorted({type(each).__name__ for each in found.values()}))


def compact(data: bytes) -> Hashable:
    """What may be a token's outer form, or base64url."""
    parts = data.split(b".")
    has_form = len(parts) == 3 and all(parts)
    assert split(data) == (tuple(parts) if has_form else None)
    octets = decode_base64url(data)
    assert octets == base64url(data.decode("latin-1"))
    assert octets is None or encode_base64url(octets).encode() == data
    return has_form, octets is None, len(data) % 4


def signature(data: bytes) -> Hashable:
    """A byte that says for which curve, and a signature."""
    order, signed = P384_ORDER if data[:1] > b"\x7f" else P256_ORDER, data[1:]
    size, most = len(order), int.from_bytes(order, "big")
    r, s = (int.from_bytes(part, "big") for part in (signed[:size], signed[size:]))
    good = len(signed) == 2 * size and 0 < r < most and 0 < s < most
    der = ecdsa_to_der(signed, order)
    assert (der is not None) == good
    assert der is None or decode_dss_signature(der) == (r, s)
    formed = len(signed) == 64 and int.from_bytes(signed[32:], "little") < ED25519_ORDER
    assert ed25519_form(signed) == formed
    return good, formed


def signed_claims() -> dict[str, bytes]:
    chosen = {
        "bound": {"cnf": {"jkt": "key"}},
        "certificate": {"cnf": {"x5t#S256": "certificate"}, "aud": ["orders", "x"]},
        "actor": {"act": {"sub": "users/8", "act": {"sub": "users/9"}}, "asid": ["s1", "s2"]},
        "scopes": {"scope": "orders.read orders.*", "nbf": 1_799_999_999.5, "client_id": "c"},
    }
    found = {name: b"\0" + json.dumps(claims_of(**each)).encode() for name, each in chosen.items()}
    head = header_of("HS256", typ="application/AT+JWT", crit=["b64"], b64=True)
    found["header"] = b"%b\0%b" % (json.dumps(head).encode(), json.dumps(claims_of()).encode())
    return found


OWN = (token, claims, json_text, compact, signature)
TOKEN_TARGETS = {each.__name__: each for each in OWN}


def token_inputs() -> dict[str, dict[str, bytes]]:
    """What fuzzing them begins with."""
    one = (1).to_bytes(32, "big")
    return {
        "token": {"token": make_token().encode()},
        "claims": signed_claims(),
        "json_text": {
            "object": b'{"a":[1,-2.5e3,{"b":"\\ud83d\\ude00\\n"}],"c":null,"d":true}',
            "twice": b'{"a":1,"\\u0061":2}',
            "deep": b'{"a":' + b"[" * 15 + b"]" * 15 + b"}",
            "large": b'{"a":18446744073709551616,"b":1e308,"c":"\xc3\xa9"}',
        },
        "compact": {"token": make_token().encode(), "text": b"-_8", "padded": b"YQ=="},
        "signature": {
            "es256": b"\0" + one + one,
            "es256_order": b"\0" + one + P256_ORDER,
            "es384_order": b"\xff" + bytes(47) + b"\x80" + P384_ORDER,
            "ed25519_order": b"\0" + one + ED25519_ORDER.to_bytes(32, "little"),
        },
    }
