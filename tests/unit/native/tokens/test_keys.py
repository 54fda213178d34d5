"""Verification keys from every source, and what their rules keep out."""

import base64
import json
import os
import pickle

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.tokens.key_rules import InvalidKeyError, check_secret
from blrcs_native.tokens.keys import ALGORITHMS, Keyset, VerificationKey
from blrcs_native.tokens.signature import P256_ORDER, P384_ORDER, ecdsa_to_der, ed25519_form
from tests.unit.native.tokens.token_factory import (
    ALL_ALGORITHMS,
    PUBLIC_ALGORITHMS,
    SECRET_ALGORITHMS,
    encode,
    make_token,
    make_verifier,
    reason,
    sign,
    signing_key,
    verification_key,
)


def pem_of(algorithm: str) -> bytes:
    return (
        signing_key(algorithm)
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def private_pem_of(algorithm: str) -> bytes:
    return signing_key(algorithm).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_the_algorithms_are_these() -> None:
    assert set(ALGORITHMS) == set(ALL_ALGORITHMS)


@pytest.mark.parametrize("algorithm", ALL_ALGORITHMS)
def test_a_key_verifies_what_was_signed_and_nothing_else(algorithm: str) -> None:
    key = verification_key(algorithm)
    signature = sign(algorithm, b"message")
    assert key.verify(b"message", signature) is True
    assert key.verify(b"massage", signature) is False
    assert key.verify(b"message", signature[:-1]) is False
    assert key.verify(b"message", signature + b"\0") is False
    if algorithm not in ("RS256", "PS256"):
        assert key.verify(b"message", sign(algorithm, b"message", 1)) is False


@pytest.mark.parametrize("size", [32, 64, 65, 100, 127, 128, 129, 300])
@pytest.mark.parametrize("algorithm", SECRET_ALGORITHMS)
def test_hmac_of_secrets_on_both_sides_of_the_block_size(algorithm: str, size: int) -> None:
    secret = bytes(index * 7 % 251 for index in range(max(size, 64)))
    key = VerificationKey.from_secret("k1", algorithm, secret)
    hasher = jwt.get_algorithm_by_name(algorithm)
    for message in (b"", b"message", b"m" * 5000):
        assert key.verify(message, hasher.sign(message, secret))
        assert not key.verify(message + b"x", hasher.sign(message, secret))


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_pem(algorithm: str) -> None:
    key = VerificationKey.from_pem("k1", algorithm, b"\n" + pem_of(algorithm))
    assert key.verify(b"message", sign(algorithm, b"message"))


def test_pem_of_pkcs1() -> None:
    pem = signing_key("RS256").public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    assert VerificationKey.from_pem("k1", "RS256", pem).verify(b"m", sign("RS256", b"m"))


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_pem_with_anything_else_in_it(algorithm: str) -> None:
    pem = pem_of(algorithm)
    for other in (
        private_pem_of(algorithm),
        pem + pem,
        private_pem_of(algorithm) + pem,
        b"note\n" + pem,
        pem.replace(b"PUBLIC", b"RSA PUBLIC", 1),
        pem[:60] + b"\n-----END PUBLIC KEY-----\n",
        b"",
        pem.decode(),
    ):
        with pytest.raises(InvalidKeyError, match="PEM"):
            VerificationKey.from_pem("k1", algorithm, other)


@pytest.mark.parametrize("algorithm", SECRET_ALGORITHMS)
def test_pem_is_for_public_keys(algorithm: str) -> None:
    with pytest.raises(InvalidKeyError, match="no secret"):
        VerificationKey.from_pem("k1", algorithm, pem_of("EdDSA"))
    with pytest.raises(InvalidKeyError, match="no secret"):
        VerificationKey.from_secret("k1", "EdDSA", bytes(64))


@pytest.mark.parametrize("named", ["EdDSA", "Ed25519"])
def test_ed25519_goes_by_two_names(named: str) -> None:
    jwk = verification_key("EdDSA").to_jwk() | {"alg": named}
    for key in (
        VerificationKey.from_jwk(jwk),
        VerificationKey.from_jwk(jwk, algorithm="EdDSA"),
        VerificationKey.from_jwk(jwk, algorithm="Ed25519"),
    ):
        assert key.algorithm == "EdDSA"
        verifier = make_verifier(keyset=Keyset([key]))
        for header in ("EdDSA", "Ed25519"):
            assert reason(verifier.verify(make_token("EdDSA", header={"alg": header}))) is None
    # And no other key does.
    for algorithm in ("ES256", "RS256", "HS256"):
        verdict = make_verifier(algorithm).verify(make_token(algorithm, header={"alg": named}))
        assert reason(verdict) == "TOKEN_ALGORITHM_MISMATCH"
    with pytest.raises(InvalidKeyError, match="kty"):
        VerificationKey.from_jwk(verification_key("ES256").to_jwk() | {"alg": named})
    for odd in (["Ed25519"], {}, 7, None, "ed25519", "Ed448"):
        with pytest.raises(InvalidKeyError, match="alg"):
            VerificationKey.from_jwk(jwk | {"alg": odd}, algorithm="EdDSA")


def test_keys_of_kinds_that_sign_no_tokens() -> None:
    for private in (X25519PrivateKey.generate(), Ed448PrivateKey.generate()):
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(InvalidKeyError, match="Ed25519"):
            VerificationKey.from_pem("k1", "EdDSA", pem)
    with pytest.raises(InvalidKeyError, match="curve"):
        VerificationKey("k1", "ES256", ec.derive_private_key(2**200, ec.SECP256K1()).public_key())
    for algorithm in PUBLIC_ALGORITHMS:
        with pytest.raises(InvalidKeyError):
            VerificationKey("k1", algorithm, signing_key(algorithm))


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_a_jwk_is_written_and_read_back(algorithm: str) -> None:
    jwk = verification_key(algorithm, "kid-7").to_jwk()
    assert jwk["kid"] == "kid-7"
    assert jwk["alg"] == algorithm
    assert jwk["use"] == "sig"
    assert not {"d", "p", "q", "k"} & set(jwk)
    key = VerificationKey.from_jwk(json.loads(json.dumps(jwk)))
    assert (key.kid, key.algorithm) == ("kid-7", algorithm)
    assert key.verify(b"message", sign(algorithm, b"message"))
    assert jwt.PyJWK(jwk).Algorithm.verify(
        b"message", jwt.PyJWK(jwk).key, sign(algorithm, b"message")
    )


def test_jwk_coordinates_keep_their_leading_zeros() -> None:
    for number in range(1, 2000):
        public = ec.derive_private_key(number, ec.SECP256R1()).public_key()
        if public.public_numbers().x < 2**248:
            jwk = VerificationKey("k1", "ES256", public).to_jwk()
            assert len(jwk["x"]) == 43
            assert VerificationKey.from_jwk(jwk).to_jwk() == jwk
            return
    raise AssertionError


@pytest.mark.parametrize("algorithm", SECRET_ALGORITHMS)
def test_a_jwk_with_a_secret_is_read_and_never_written(algorithm: str) -> None:
    jwk = {"kty": "oct", "kid": "k1", "alg": algorithm, "k": encode(signing_key(algorithm))}
    key = VerificationKey.from_jwk(jwk)
    assert key.verify(b"message", sign(algorithm, b"message"))
    with pytest.raises(InvalidKeyError, match="not published"):
        key.to_jwk()
    with pytest.raises(InvalidKeyError, match="PEM"):
        VerificationKey.from_jwk(jwk | {"k": encode(pem_of("EdDSA"))})
    with pytest.raises(InvalidKeyError, match="bytes"):
        VerificationKey.from_jwk(jwk | {"k": encode(b"short")})


@pytest.mark.parametrize(
    ("algorithm", "change"),
    [
        ("EdDSA", {"d": "AAAA"}),
        ("ES256", {"d": "AAAA"}),
        ("RS256", {"d": "AAAA"}),
        ("RS256", {"p": "AAAA"}),
        ("EdDSA", {"x": encode(bytes(31))}),
        ("EdDSA", {"x": encode(bytes(33))}),
        ("EdDSA", {"x": None}),
        ("EdDSA", {"x": "\xe9" * 43}),
        ("EdDSA", {"kty": "EC"}),
        ("EdDSA", {"crv": "X25519"}),
        ("EdDSA", {"crv": None}),
        ("ES256", {"x": encode(bytes(32))}),
        ("ES256", {"y": encode(b"\1" * 32)}),
        ("ES256", {"y": encode(bytes(31))}),
        ("ES384", {"crv": "P-256"}),
        ("RS256", {"e": ""}),
        ("RS256", {"e": "AAEAAQ"}),
        ("RS256", {"n": "AQAB"}),
        ("RS256", {"n": 5}),
        ("RS256", {"kty": "oct"}),
        ("ES256", {"kid": ""}),
        ("ES256", {"kid": None}),
        ("ES256", {"kid": 5}),
        ("ES256", {"kid": "k" * 257}),
        ("ES256", {"alg": "none"}),
        ("ES256", {"alg": ["ES256"]}),
        ("ES256", {"alg": "HS256"}),
        ("ES256", {"alg": "HS256", "kty": "oct"}),
    ],
)
def test_wrong_jwks(algorithm: str, change: dict[str, object]) -> None:
    jwk = verification_key(algorithm).to_jwk()
    assert VerificationKey.from_jwk(jwk).algorithm == algorithm
    with pytest.raises(InvalidKeyError):
        VerificationKey.from_jwk(jwk | change)


def test_an_even_rsa_modulus_is_refused() -> None:
    jwk = verification_key("RS256").to_jwk()
    n = signing_key("RS256").public_key().public_numbers().n - 1
    with pytest.raises(InvalidKeyError, match="modulus is odd"):
        VerificationKey.from_jwk(jwk | {"n": encode(n.to_bytes(256, "big"))})


@pytest.mark.parametrize("bits", [2047, 8193])
def test_rsa_keys_are_neither_small_nor_huge(bits: int) -> None:
    n = (2 ** (bits - 1) + 1).to_bytes((bits + 7) // 8, "big")
    with pytest.raises(InvalidKeyError, match="2048 to 8192 bits"):
        VerificationKey.from_jwk(verification_key("RS256").to_jwk() | {"n": encode(n)})


def test_jwk_base64url_is_strict() -> None:
    jwk = verification_key("EdDSA").to_jwk()
    for x in (jwk["x"] + "=", " " + jwk["x"], jwk["x"][:-1] + "_"):
        with pytest.raises(InvalidKeyError, match="base64url"):
            VerificationKey.from_jwk(jwk | {"x": x})


def test_a_jwk_without_alg_is_read_for_the_algorithm_asked_for() -> None:
    jwk = verification_key("RS256").to_jwk()
    del jwk["alg"]
    with pytest.raises(InvalidKeyError, match="named by the caller"):
        VerificationKey.from_jwk(jwk)
    assert VerificationKey.from_jwk(jwk, algorithm="PS256").algorithm == "PS256"
    with pytest.raises(InvalidKeyError, match="alg is not"):
        VerificationKey.from_jwk(jwk | {"alg": "RS256"}, algorithm="PS256")
    with pytest.raises(InvalidKeyError):
        VerificationKey.from_jwk("not an object")


def test_certificates_and_addresses_in_a_jwk_are_ignored() -> None:
    jwk = verification_key("ES256").to_jwk() | {"x5c": ["!"], "x5u": "https://evil.example"}
    assert VerificationKey.from_jwk(jwk).verify(b"message", sign("ES256", b"message"))


class TestSecrets:
    @pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
    def test_private_keys_are_refused(self, algorithm: str) -> None:
        private = signing_key(algorithm)
        for octets in (
            private_pem_of(algorithm),
            private_pem_of(algorithm).lower(),
            private_pem_of(algorithm).decode().encode("utf-16"),
            b"   " + private_pem_of(algorithm),
            private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) + b"\n" * 20,
        ):
            with pytest.raises(InvalidKeyError, match=r"PEM|DER"):
                check_secret("HS256", octets)

    @pytest.mark.parametrize("last", [b"\n", b" ", b"\t", b"\r", b"x"])
    @pytest.mark.parametrize("behind", [b"", b"\n", b" \r\n" * 9])
    def test_der_is_refused_whatever_octet_it_ends_with(self, last: bytes, behind: bytes) -> None:
        der = b"\x30\x46\x02\x01\x00\x04\x41" + bytes(64) + last
        with pytest.raises(InvalidKeyError, match="DER"):
            check_secret("HS256", der + behind)
        check_secret("HS256", der + behind + b"x")

    def test_openssh_private_keys_are_refused(self) -> None:
        pem = signing_key("EdDSA").private_bytes(
            Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
        )
        with pytest.raises(InvalidKeyError, match="PEM"):
            check_secret("HS256", pem)
        body = b"".join(pem.split(b"\n")[1:-2])
        for octets in (body, base64.b64decode(body)):
            with pytest.raises(InvalidKeyError, match=r"PEM|SSH|base64"):
                check_secret("HS256", octets)

    @pytest.mark.parametrize(
        "octets",
        [
            b"-----BEGIN CERTIFICATE-----\nMIIB",
            b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA",
            b"PuTTY-User-Key-File-3: ssh",
            b'command="x" ssh-rsa AAAA',
            b"ecdsa-sha2-nistp256 AAAA",
            b"sk-ssh-ed25519@openssh.com AAAA",
            b'{"kty":"oct","k":"AAAA"}',
            b' [ {"kty": "oct" } ]',
            b'{"k\\u0074y":"oct"}',
            b'{"kty":"oct", cut short',
            b"\xef\xbb\xbf{}",
            b"[" * 2000,
            '{"kty":"oct"}'.encode("utf-32"),
        ],
    )
    def test_texts_that_are_keys(self, octets: bytes) -> None:
        padded = octets if octets.endswith(b"[") else octets + b" " * 64
        with pytest.raises(InvalidKeyError, match="is not an HMAC secret"):
            check_secret("HS256", padded)

    @pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
    def test_base64_of_der_is_refused(self, algorithm: str) -> None:
        public = signing_key(algorithm).public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for text in (
            base64.b64encode(der),
            base64.encodebytes(der),
            base64.urlsafe_b64encode(der).rstrip(b"="),
        ):
            with pytest.raises(InvalidKeyError, match="base64"):
                check_secret("HS256", text)

    @pytest.mark.parametrize("secret", ["x" * 64, None, bytearray(64), 7, b"x" * 4097])
    def test_a_secret_is_bytes_of_a_sensible_number(self, secret: object) -> None:
        with pytest.raises(InvalidKeyError):
            check_secret("HS256", secret)

    @given(st.binary(min_size=64, max_size=200), st.sampled_from(["", "hex", "base64"]))
    def test_random_octets_are_taken(self, octets: bytes, text: str) -> None:
        if text == "hex":
            octets = octets.hex().encode()
        elif text == "base64":
            octets = base64.b64encode(octets)
        check_secret("HS512", octets)

    def test_random_secrets_are_not_mistaken_for_der(self) -> None:
        for _ in range(200):
            check_secret("HS256", b"\x30\x3e" + b"\x7f" + os.urandom(61))


def test_keys_say_nothing_of_their_secret_and_are_not_copied_out() -> None:
    key = verification_key("HS256")
    assert repr(key) == "<VerificationKey 'k1' HS256>"
    for value in (key, Keyset([key])):
        with pytest.raises(TypeError):
            pickle.dumps(value)
    with pytest.raises(InvalidKeyError) as caught:
        VerificationKey.from_secret("k1", "HS256", b"-----BEGIN hidden words" + bytes(64))
    assert "hidden" not in str(caught.value)
    with pytest.raises(AttributeError):
        key.algorithm = "HS512"


class TestKeyset:
    def test_it_finds_keys_by_their_exact_kid(self) -> None:
        first, second = verification_key("EdDSA", "a"), verification_key("ES256", "b")
        keyset = Keyset([first, second])
        assert keyset.get("a") is first
        assert keyset.get("A") is None
        assert keyset.get("") is None
        assert "b" in keyset
        assert 5 not in keyset
        assert list(keyset) == [first, second]
        assert len(keyset) == 2
        assert repr(keyset) == "<Keyset of 'a', 'b'>"

    @pytest.mark.parametrize("keys", [[], [None], ["k1"]])
    def test_it_holds_keys_and_at_least_one(self, keys: list[object]) -> None:
        with pytest.raises((InvalidKeyError, TypeError)):
            Keyset(keys)


@pytest.mark.parametrize("order", [P256_ORDER, P384_ORDER])
@given(data=st.data())
def test_ecdsa_signatures_become_the_der_that_a_library_writes(
    order: bytes, data: st.DataObject
) -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    size, n = len(order), int.from_bytes(order, "big")
    edges = [0, 1, 0x7F, 0x80, 0xFF, 0x100, n - 1, n, 2 ** (8 * size) - 1]
    numbers = st.one_of(st.sampled_from(edges), st.integers(0, 2 ** (8 * size) - 1))
    r, s = data.draw(numbers), data.draw(numbers)
    raw = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    expected = encode_dss_signature(r, s) if 0 < r < n and 0 < s < n else None
    assert ecdsa_to_der(raw, order) == expected
    assert ecdsa_to_der(raw[1:], order) is None
    assert ecdsa_to_der(raw + b"\0", order) is None


@given(data=st.data())
def test_ed25519_signatures_have_64_octets_and_s_below_the_order(data: st.DataObject) -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    edges = [0, 1, order - 1, order, order + 1, order - 256, order + 256, 2**252, 2**256 - 1]
    s = data.draw(st.one_of(st.sampled_from(edges), st.integers(0, 2**256 - 1)))
    signature = b"\xff" * 32 + s.to_bytes(32, "little")
    assert ed25519_form(signature) is (s < order)
    assert ed25519_form(signature[1:]) is False
    assert ed25519_form(signature + b"\0") is False
