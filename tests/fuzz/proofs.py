"""What callers show beside a token, as targets of fuzzing: proofs of a key, and certificates."""

import base64
import datetime as dt
import json
import re
from collections.abc import Hashable, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from blrcs.security.certificate_names import CertificateNames
from blrcs.security.target_uri import normal_target
from blrcs_native.tokens.jws import encode_base64url
from tests.unit.native.tokens.token_model import json_object
from tests.unit.security.test_certificate_names import SETTINGS
from tests.unit.security.test_proofs import EC_KEY, KEY, World, jwk_of

NAMED = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk_of(KEY)}
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth"}
MAX_AGE_S = 60


def claims_in(proof: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(proof.split(".")[1] + "=="))
    return found


def proof(data: bytes) -> Hashable:
    """A byte, and the header and the claims of a proof that is signed; or its text."""
    world = World()
    usual = world.proof()
    head, _, said = data[1:].partition(b"\0")
    is_signed = data[:1] < b"\x80"
    text = signed(head, said) if is_signed else data[1:].decode("latin-1")
    good = world.good(text)
    if is_signed:
        assert good == (names_the_key(json_object(head)) and says(json_object(said), usual))
    else:
        # Nobody else has the key.
        assert not good or text == usual
    assert not world.good(text)
    return good, is_signed, json_object(head) is None, json_object(said) is None


def signed(head: bytes, said: bytes) -> str:
    message = f"{encode_base64url(head)}.{encode_base64url(said)}"
    return f"{message}.{encode_base64url(KEY.sign(message.encode()))}"


def names_the_key(head: dict[str, Any] | None) -> bool:
    """Whether a header is one for the key that has signed it."""
    if head is None or not isinstance(head.get("jwk"), dict) or "crit" in head:
        return False
    jwk = head["jwk"]
    operations = jwk.get("key_ops", ["verify"])
    return (
        {**head, "jwk": {name: jwk.get(name) for name in NAMED["jwk"]}}.items() >= NAMED.items()
        and PRIVATE_MEMBERS.isdisjoint(jwk)
        and jwk.get("alg", "EdDSA") == "EdDSA"
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and all(isinstance(each, str) for each in operations)
        and operations.count("verify") == 1
        and len(set(operations)) == len(operations)
    )


def says(said: dict[str, Any] | None, usual: str) -> bool:
    """Whether claims are for the call of a usual proof, at its time."""
    expected = claims_in(usual)
    return (
        said is not None
        and type(said.get("iat")) is int
        and abs(expected["iat"] - said["iat"]) <= MAX_AGE_S
        and isinstance(said.get("jti"), str)
        and 0 < len(said["jti"]) <= 128
        and all(said.get(name) == expected[name] for name in ("htm", "ath"))
        and isinstance(said.get("htu"), str)
        and normal_target(said["htu"]) == normal_target(expected["htu"])
    )


AUTHORITY = Ed25519PrivateKey.from_private_bytes(bytes(32))
NOBODY = x509.Name([])
SOON = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
KINDS = {b"u": x509.UniformResourceIdentifier, b"d": x509.DNSName, b"m": x509.RFC822Name}
WORKLOAD = re.compile(r"spiffe://(example\.org|other\.example)((?:/[A-Za-z0-9._-]+)+)")


def issued(*names: x509.GeneralName) -> x509.Certificate:
    """The same one for the same names."""
    builder = (
        x509.CertificateBuilder(NOBODY, NOBODY, AUTHORITY.public_key(), 1, SOON, SOON)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    return builder.sign(AUTHORITY, None)


def certificate(data: bytes) -> Hashable:
    """A byte, and the names for which a certificate is issued; or a certificate in DER."""
    names = CertificateNames(SETTINGS)
    if data[:1] >= b"\x80":
        body = base64.encodebytes(data[1:])
        pem = b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n" % body
        found, expires_ns = names.read(pem)
        assert found is None or found.startswith("workloads/")
        return found is None, expires_ns > 0
    try:
        listed = [KINDS[each[:1]](each[1:].decode()) for each in data[1:].split(b"\0")]
        made = issued(*listed)
    except (KeyError, ValueError):
        return "unwritable"
    found, _ = names.read(made.public_bytes(Encoding.PEM))
    assert found == name_of(listed)
    return found and found[:15], tuple(type(each).__name__ for each in listed[:3])


def name_of(names: Sequence[Any]) -> str | None:
    """Whose a certificate is that has them."""
    uris = [each.value for each in names if isinstance(each, x509.UniformResourceIdentifier)]
    if any(uri.lower().startswith("spiffe:") for uri in uris):
        found = WORKLOAD.fullmatch(uris[0]) if len(uris) == 1 else None
        if found is None or not {".", ".."}.isdisjoint(found[2].split("/")):
            return None
        name = f"workloads/{found[1]}{found[2]}"
        return name if len(name) <= 512 else None
    texts = [f"dns:{each.value.lower()}" for each in names if isinstance(each, x509.DNSName)]
    owners = {SETTINGS.names[text] for text in texts if text in SETTINGS.names}
    return owners.pop() if len(owners) == 1 else None


PROOF_TARGETS = {"proof": proof, "certificate": certificate}


def signed_input(head: dict[str, Any], said: dict[str, Any]) -> bytes:
    return b"\0%b\0%b" % (json.dumps(head).encode(), json.dumps(said).encode())


def proof_inputs() -> dict[str, dict[str, bytes]]:
    """What fuzzing them begins with."""
    text = World().proof()
    usual = claims_in(text)
    verifying = {**NAMED["jwk"], "alg": "EdDSA", "use": "sig", "key_ops": ["verify"]}
    private = {**NAMED["jwk"], "d": "AA"}
    heads = {"usual": NAMED, "verifying": NAMED | {"jwk": verifying}}
    heads |= {"private": NAMED | {"jwk": private}, "other": NAMED | {"jwk": jwk_of(EC_KEY)}}
    names = {
        "workload": b"uspiffe://example.org/ns/a/sa/b",
        "ambiguous": b"uspiffe://other.example/x\0uhttps://example.org/",
        "dns": b"done.example\0dUNO.example\0delse.example",
        "mail": b"mone.example\0dtwo.example",
    }
    made = issued(x509.UniformResourceIdentifier("spiffe://example.org/x"))
    return {
        "proof": {
            "text": b"\xff" + text.encode(),
            **{name: signed_input(head, usual) for name, head in heads.items()},
            "oldest": signed_input(NAMED, usual | {"iat": usual["iat"] - MAX_AGE_S}),
            "early": signed_input(NAMED, usual | {"iat": usual["iat"] + MAX_AGE_S + 1}),
        },
        "certificate": {
            "der": b"\xff" + made.public_bytes(Encoding.DER),
            **{name: b"\0" + each for name, each in names.items()},
        },
    }
