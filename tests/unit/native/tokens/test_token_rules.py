"""The rules of token verification about keys and what is signed, each by its number."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.key_rules import InvalidKeyError
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.signature import P256_ORDER, P384_ORDER
from tests.unit.native.tokens.token_factory import (
    ALL_ALGORITHMS,
    PUBLIC_ALGORITHMS,
    assemble,
    claims_of,
    encode,
    header_of,
    make_token,
    make_verifier,
    reason,
    sign,
    signing_key,
    verdict,
    verification_key,
)

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("algorithm", ALL_ALGORITHMS)
def test_a_right_token_is_accepted(algorithm: str) -> None:
    assert isinstance(make_verifier(algorithm).verify(make_token(algorithm)), Claims)


class TestRule01AlgorithmIsFixedPerKey:
    @pytest.mark.parametrize("algorithm", ALL_ALGORITHMS)
    def test_the_header_cannot_choose_another_algorithm(self, algorithm: str) -> None:
        verifier = make_verifier(algorithm)
        for other in (*ALL_ALGORITHMS, "RS512", "ES256K", algorithm.lower(), f"{algorithm} "):
            token = make_token(algorithm, header={"alg": other})
            expected = None if other == algorithm else "TOKEN_ALGORITHM_MISMATCH"
            assert reason(verifier.verify(token)) == expected

    @pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
    def test_a_public_key_is_never_an_hmac_secret(self, algorithm: str) -> None:
        public = signing_key(algorithm).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(InvalidKeyError):
            VerificationKey("k1", "HS256", pem)
        with pytest.raises(InvalidKeyError):
            VerificationKey("k1", "HS256", public)

    def test_rsa_signatures_do_not_pass_from_one_padding_to_the_other(self) -> None:
        private = signing_key("RS256")
        pss = Keyset([VerificationKey("k1", "PS256", private.public_key())])
        header, claims = header_of("PS256"), claims_of()
        token = assemble(json.dumps(header).encode(), json.dumps(claims).encode(), "RS256")
        assert verdict(token, keyset=pss) == "TOKEN_SIGNATURE_INVALID"

    def test_a_keyset_never_mixes_secrets_and_public_keys(self) -> None:
        with pytest.raises(InvalidKeyError, match="never both"):
            Keyset([verification_key("HS256", "a"), verification_key("EdDSA", "b")])


class TestRule02UnsecuredTokensAreRefused:
    @pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
    def test_none_in_any_casing(self, name: str) -> None:
        head = encode(json.dumps(header_of("HS256", alg=name)).encode())
        body = encode(json.dumps(claims_of()).encode())
        assert verdict(f"{head}.{body}.") == "TOKEN_MALFORMED"
        assert verdict(f"{head}.{body}.AAAA") == "TOKEN_ALGORITHM_MISMATCH"
        with pytest.raises(InvalidKeyError):
            VerificationKey("k1", name, b"x" * 64)

    @pytest.mark.parametrize("algorithm", ALL_ALGORITHMS)
    def test_an_empty_signature(self, algorithm: str) -> None:
        token = make_token(algorithm)
        assert verdict(token[: token.rindex(".") + 1], algorithm) == "TOKEN_MALFORMED"
        assert verification_key(algorithm).verify(b"message", b"") is False


class TestRule03KeysOfOtherKindsAreNoSecrets:
    @pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
    @pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
    def test_pem_and_der(self, algorithm: str, encoding: Encoding) -> None:
        key = signing_key(algorithm).public_key()
        octets = key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        octets += b"\n" * max(0, 64 - len(octets))
        with pytest.raises(InvalidKeyError, match=r"PEM|DER"):
            VerificationKey.from_secret("k1", "HS256", octets)

    @pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
    def test_ssh(self, algorithm: str) -> None:
        key = signing_key(algorithm).public_key()
        line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        with pytest.raises(InvalidKeyError, match="SSH"):
            VerificationKey.from_secret("k1", "HS256", line)
        with pytest.raises(InvalidKeyError, match="base64"):
            VerificationKey.from_secret("k1", "HS256", line.split()[1])

    @pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
    def test_jwk_json(self, algorithm: str) -> None:
        for text in (
            json.dumps(verification_key(algorithm).to_jwk()),
            json.dumps({"keys": [verification_key(algorithm).to_jwk()]}, indent=2),
        ):
            for octets in (
                text.encode(),
                b"\xef\xbb\xbf \n" + text.encode(),
                text.encode("utf-16"),
            ):
                with pytest.raises(InvalidKeyError, match="JSON"):
                    VerificationKey.from_secret("k1", "HS256", octets)


class TestRule04CriticalExtensionsAreRefused:
    @pytest.mark.parametrize("crit", [["exp"], ["b64"], [], None, "alg", ["x"], {}])
    def test_crit_in_any_form(self, crit: object) -> None:
        assert verdict(make_token(header={"crit": crit})) == "TOKEN_CRITICAL_UNSUPPORTED"

    @pytest.mark.parametrize("b64", [False, None, 0, 1, "true"])
    def test_b64_other_than_true(self, b64: object) -> None:
        assert verdict(make_token(header={"b64": b64})) == "TOKEN_CRITICAL_UNSUPPORTED"


class TestRule05KeysComeFromTheKeysetAlone:
    def test_keys_within_the_header_are_ignored(self) -> None:
        intruder = verification_key("EdDSA", number=9).to_jwk()
        extra = {
            "jwk": intruder,
            "jku": "https://evil.example/jwks",
            "x5u": "https://evil.example/cert",
            "x5c": ["AAAA"],
        }
        assert verdict(make_token("EdDSA", header=extra), "EdDSA") is None
        forged = make_token("EdDSA", header=extra, number=9)
        assert verdict(forged, "EdDSA") == "TOKEN_SIGNATURE_INVALID"

    @pytest.mark.parametrize("kid", ["K1", "k1 ", " k1", "k", "k1\0", "../k1", "k1' OR '1'='1", ""])
    def test_a_kid_is_an_exact_name(self, kid: str) -> None:
        assert verdict(make_token(header={"kid": kid})) == "TOKEN_KEY_UNKNOWN"

    @pytest.mark.parametrize("kid", [None, 1, ["k1"], {"k1": 1}, True])
    def test_a_kid_is_a_string(self, kid: object) -> None:
        assert verdict(make_token(header={"kid": kid})) == "TOKEN_HEADER_INVALID"

    def test_no_kid_is_no_key(self) -> None:
        assert verdict(make_token(header={"kid": ...})) == "TOKEN_KEY_UNKNOWN"


class TestRule06NothingIsNamedTwice:
    @pytest.mark.parametrize(
        "member", ['"alg":"none"', '"alg":"HS256"', '"\\u0061lg":"HS256"', '"kid":"k1"']
    )
    def test_header_members(self, member: str) -> None:
        header = f'{{"alg":"HS256","kid":"k1","typ":"JWT",{member}}}'
        token = assemble(header.encode(), json.dumps(claims_of()).encode(), "HS256")
        assert verdict(token) == "TOKEN_HEADER_INVALID"

    @pytest.mark.parametrize(
        "member",
        ['"exp":9000000000', '"s\\u0075b":"users/1"', '"x":{"a":1,"a":1}', '"x":[[{"":1,"":2}]]'],
    )
    def test_claims_at_any_depth(self, member: str) -> None:
        claims = json.dumps(claims_of())[:-1] + f",{member}}}"
        token = assemble(json.dumps(header_of("HS256")).encode(), claims.encode(), "HS256")
        assert verdict(token) == "TOKEN_CLAIMS_INVALID"

    def test_kids_of_a_keyset(self) -> None:
        with pytest.raises(InvalidKeyError, match="twice"):
            Keyset([verification_key("EdDSA"), verification_key("EdDSA", number=1)])


class TestRule07Base64urlIsStrict:
    @pytest.mark.parametrize("part", [0, 1, 2])
    @pytest.mark.parametrize("ending", ["=", "==", " ", "\n", "+", "/", "%3D", "\x00", "A"])
    def test_endings_that_lenient_readers_take(self, part: int, ending: str) -> None:
        parts = make_token().split(".")
        parts[part] += ending
        assert verdict(".".join(parts)) is not None

    @pytest.mark.parametrize("part", [0, 1, 2])
    def test_unused_bits_are_zero(self, part: int) -> None:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        parts = self.token_with_tails().split(".")
        last = alphabet.index(parts[part][-1])
        parts[part] = parts[part][:-1] + alphabet[last + 1]
        assert verdict(".".join(parts)) == "TOKEN_MALFORMED"

    @staticmethod
    def token_with_tails() -> str:
        """A token each part of which ends with unused bits."""
        for length in range(1, 4):
            for other in range(1, 4):
                token = make_token(sub="s" * length, header={"x": "h" * other})
                if all(len(part) % 4 for part in token.split(".")):
                    return token
        raise AssertionError

    def test_every_flipped_character_is_seen(self) -> None:
        for algorithm in ALL_ALGORITHMS:
            verifier = make_verifier(algorithm)
            token = make_token(algorithm).encode()
            assert reason(verifier.verify(token)) is None
            for index in range(len(token)):
                for bit in range(8) if algorithm in ("HS256", "EdDSA") else (0,):
                    flipped = bytearray(token)
                    flipped[index] ^= 1 << bit
                    assert reason(verifier.verify(bytes(flipped))) is not None

    def test_every_truncation_and_extension_is_seen(self) -> None:
        verifier = make_verifier()
        token = make_token()
        for size in range(len(token)):
            assert reason(verifier.verify(token[:size])) is not None
        for octet in range(128):
            assert reason(verifier.verify(token + chr(octet))) is not None
            assert reason(verifier.verify(chr(octet) + token)) is not None


class TestRule08SignatureRanges:
    """Cases in the manner of Project Wycheproof."""

    @pytest.mark.parametrize(("algorithm", "order"), [("ES256", P256_ORDER), ("ES384", P384_ORDER)])
    def test_ecdsa_r_and_s_are_in_range(self, algorithm: str, order: bytes) -> None:
        size, n = len(order), int.from_bytes(order, "big")
        head_and_body = make_token(algorithm).rpartition(".")[0]
        good = sign(algorithm, head_and_body.encode())
        r, s = int.from_bytes(good[:size], "big"), int.from_bytes(good[size:], "big")
        top = 2 ** (8 * size) - 1
        wrong = [
            (left, right)
            for left in (0, 1, n - 1, n, n + 1, top, r)
            for right in (0, 1, n - 1, n, n + 1, top, s)
            if (left, right) != (r, s)
        ]
        wrong += [((r + n) % 2 ** (8 * size), s), (s, r), (n - r, s)]
        for left, right in wrong:
            signature = left.to_bytes(size, "big") + right.to_bytes(size, "big")
            token = f"{head_and_body}.{encode(signature)}"
            assert verdict(token, algorithm) == "TOKEN_SIGNATURE_INVALID"

    @pytest.mark.parametrize("algorithm", ["ES256", "ES384"])
    def test_ecdsa_signatures_have_one_length(self, algorithm: str) -> None:
        head_and_body = make_token(algorithm).rpartition(".")[0]
        good = sign(algorithm, head_and_body.encode())
        der = signing_key(algorithm).sign(
            head_and_body.encode(),
            ec.ECDSA(ec.hashes.SHA256() if algorithm == "ES256" else ec.hashes.SHA384()),
        )
        half = len(good) // 2
        padded = b"\0" + good[:half] + b"\0" + good[half:]
        for signature in (der, good[:-1], good + b"\0", b"\0" + good, padded, good[:half]):
            token = f"{head_and_body}.{encode(signature)}"
            assert verdict(token, algorithm) == "TOKEN_SIGNATURE_INVALID"

    def test_ed25519_s_is_below_the_order(self) -> None:
        head_and_body = make_token("EdDSA").rpartition(".")[0]
        good = sign("EdDSA", head_and_body.encode())
        s = int.from_bytes(good[32:], "little")
        for other in (s + ED25519_ORDER, ED25519_ORDER, ED25519_ORDER + 1, 0, 2**256 - 1, 2**253):
            token = f"{head_and_body}.{encode(good[:32] + other.to_bytes(32, 'little'))}"
            assert verdict(token, "EdDSA") == "TOKEN_SIGNATURE_INVALID"
        for signature in (good[:-1], good + b"\0", good[:32], bytes(64)):
            token = f"{head_and_body}.{encode(signature)}"
            assert verdict(token, "EdDSA") == "TOKEN_SIGNATURE_INVALID"

    @pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
    def test_rsa_signatures_are_as_long_as_the_modulus(self, algorithm: str) -> None:
        head_and_body = make_token(algorithm).rpartition(".")[0]
        good = sign(algorithm, head_and_body.encode())
        n = signing_key(algorithm).public_key().public_numbers().n
        larger = (int.from_bytes(good, "big") + n).to_bytes(len(good) + 1, "big")
        for signature in (good[1:], good[:-1], b"\0" + good, good + b"\0", larger, bytes(256)):
            token = f"{head_and_body}.{encode(signature)}"
            assert verdict(token, algorithm) == "TOKEN_SIGNATURE_INVALID"


class TestRule09KeyStrengthAndPurpose:
    @pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    def test_secrets_are_as_long_as_the_hash(self, algorithm: str, size: int) -> None:
        VerificationKey.from_secret("k1", algorithm, bytes(range(100, 100 + size)))
        with pytest.raises(InvalidKeyError, match="bytes"):
            VerificationKey.from_secret("k1", algorithm, bytes(range(100, 99 + size)))

    @pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
    def test_rsa_keys_have_2048_bits(self, algorithm: str) -> None:
        small = rsa.generate_private_key(65537, 1024).public_key()
        with pytest.raises(InvalidKeyError, match="2048"):
            VerificationKey("k1", algorithm, small)

    @pytest.mark.parametrize("exponent", [1, 2, 4, 65536, 2**64 + 1])
    def test_rsa_exponents_are_odd_and_at_least_3(self, exponent: int) -> None:
        jwk = verification_key("RS256").to_jwk()
        jwk["e"] = encode(exponent.to_bytes((exponent.bit_length() + 7) // 8, "big"))
        with pytest.raises(InvalidKeyError, match="exponent"):
            VerificationKey.from_jwk(jwk)

    def test_an_rsa_exponent_of_3_is_taken(self) -> None:
        jwk = verification_key("RS256").to_jwk() | {"e": "Aw"}
        assert VerificationKey.from_jwk(jwk).algorithm == "RS256"

    @pytest.mark.parametrize(
        "change",
        [
            {"use": "enc"},
            {"use": None},
            {"key_ops": ["sign"]},
            {"key_ops": []},
            {"key_ops": "verify"},
            {"key_ops": ["verify", "verify"]},
            {"key_ops": None},
            {"crv": "P-384"},
            {"crv": "Ed25519"},
            {"alg": "ES384"},
            {"alg": None},
            {"kty": "OKP"},
        ],
    )
    def test_use_key_ops_and_curve_are_enforced(self, change: dict[str, object]) -> None:
        jwk = verification_key("ES256").to_jwk()
        assert VerificationKey.from_jwk(jwk | {"key_ops": ["verify"]}, algorithm="ES256")
        with pytest.raises(InvalidKeyError):
            VerificationKey.from_jwk(jwk | change, algorithm="ES256")

    def test_keys_are_on_the_curve_of_their_algorithm(self) -> None:
        for algorithm in PUBLIC_ALGORITHMS:
            for other in PUBLIC_ALGORITHMS:
                if {algorithm, other} <= {"RS256", "PS256"} or algorithm == other:
                    continue
                with pytest.raises(InvalidKeyError):
                    VerificationKey("k1", algorithm, signing_key(other).public_key())

    def test_ed25519_points_are_canonical_and_not_of_small_order(self) -> None:
        field = 2**255 - 19
        order_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
        y = int.from_bytes(order_8, "little")
        for value in (0, 1, field - 1, field, field + 1, y, field - y, 2**255 - 1):
            for sign_bit in (0, 2**255):
                octets = (value + sign_bit).to_bytes(32, "little")
                with pytest.raises(InvalidKeyError, match="Ed25519"):
                    VerificationKey("k1", "EdDSA", Ed25519PublicKey.from_public_bytes(octets))
