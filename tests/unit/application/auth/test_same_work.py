"""Proofs that are refused take the same work, whatever is wrong with them."""

import hmac
import sys
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from webauthn import helpers

from blrcs.domain.errors import UnauthenticatedError
from blrcs.domain.second_factor import Challenge, FactorProof
from blrcs.security.nobodys_passkeys import nobodys_key
from tests.authenticator import PRESENT, VERIFIED, Authenticator, base64url
from tests.unit.application.identity_fakes import NOW_NS
from tests.unit.application.second_factor_fakes import code_at

HOME = "192.0.2.1"
ONE_OF_EACH = [-257, -8, -7]
"""RS256, EdDSA and ES256, as COSE numbers them."""


@pytest.fixture
def compared(monkeypatch):
    """The codes that were compared."""
    made, real = [], hmac.compare_digest

    def compare(one, other):
        made.append(other)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    return made


@pytest.fixture
def verified(monkeypatch):
    """The algorithms that signatures of passkeys were verified by."""
    made, real = [], helpers.verify_signature

    def verify(**arguments):
        made.append(arguments["signature_alg"])
        return real(**arguments)

    monkeypatch.setattr(helpers, "verify_signature", verify)
    ceremony = sys.modules["webauthn.authentication.verify_authentication_response"]
    monkeypatch.setattr(ceremony, "verify_signature", verify)
    return made


async def refusal_of(call):
    with pytest.raises(UnauthenticatedError) as caught:
        await call
    return caught.value.reason, caught.value.message


async def test_codes(prove_second_factor, second_factors, enrolled, compared):
    right = FactorProof(totp_code=code_at(enrolled.secret, NOW_NS))
    await prove_second_factor("alice", right, address=HOME)
    wrong = FactorProof(totp_code="000000")

    found = []
    for user_id, proof in (("alice", right), ("alice", wrong), ("bob", right)):
        compared.clear()
        second_factors.asked = 0
        refusal = await refusal_of(prove_second_factor(user_id, proof, address=HOME))
        found.append((refusal, len(compared), second_factors.asked))

    # One for each step that is taken, and one look at the database.
    assert found == [(found[0][0], 3, 1)] * 3


async def test_recovery_codes(prove_second_factor, second_factors, enrolled):
    used = FactorProof(recovery_code=enrolled.codes[0])
    await prove_second_factor("alice", used, address=HOME)
    unknown = FactorProof(recovery_code="aaaaa-aaaaa-aaaaa-aaaaa-aaaa")

    found = []
    for user_id, proof in (("alice", used), ("alice", unknown), ("bob", used)):
        second_factors.asked = 0
        refusal = await refusal_of(prove_second_factor(user_id, proof, address=HOME))
        found.append((refusal, second_factors.asked))

    assert found == [(found[0][0], 1)] * 3


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
async def test_passkeys(begin, complete, register, alice, second_factors, verified, algorithm):
    owner, forger, copy, stranger = (Authenticator(algorithm) for _ in range(4))
    passkey = await register(owner)
    forger.credential_id = copy.credential_id = owner.credential_id
    second_factors.passkeys[owner.credential_id] = replace(passkey, sign_count=5)
    forger.count = 10

    found = []
    for authenticator, handle in (
        (stranger, b""),
        (stranger, owner.handle),
        (forger, b""),
        # Whose it is can be reckoned from a user's id, and is not to be found out by trying.
        (forger, owner.handle),
        (forger, stranger.credential_id),
        # Nor is how often it was used.
        (copy, owner.handle),
    ):
        asked = await begin()
        authenticator.handle = handle
        proof = FactorProof(passkey=authenticator.get(asked.options))
        verified.clear()
        refusal = await refusal_of(complete(asked.challenge, proof, address=HOME))
        found.append((refusal, sorted(verified)))

    assert found == [(found[0][0], ONE_OF_EACH)] * len(found)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"challenge": base64url(bytes(32))},
        {"origin": "https://example.com"},
        {"rp_id": "example.com"},
        {"kind": "webauthn.create"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
    ],
    ids=str,
)
async def test_passkeys_that_are_refused_before_their_signature(
    begin, complete, register, alice, verified, algorithm, wrong
):
    owner, stranger = Authenticator(algorithm), Authenticator(algorithm)
    await register(owner)
    wrong = dict(wrong)
    flags = wrong.pop("flags", PRESENT | VERIFIED)

    found = []
    for authenticator in (owner, stranger):
        asked = await begin()
        authenticator.flags = flags
        proof = FactorProof(passkey=authenticator.get(asked.options, **wrong))
        verified.clear()
        refusal = await refusal_of(complete(asked.challenge, proof, address=HOME))
        found.append((refusal, list(verified)))

    assert found == [(found[0][0], [])] * 2


def test_nobodys_keys_are_made_without_looking_for_primes(monkeypatch):
    monkeypatch.delattr(rsa, "generate_private_key")
    for algorithm in ONE_OF_EACH:
        key = helpers.decode_credential_public_key(nobodys_key.__wrapped__(algorithm))
        assert key.alg == algorithm
        public = helpers.decoded_public_key_to_cryptography(key)
        assert algorithm != ONE_OF_EACH[0] or public.key_size == 2048


async def test_a_passkey_of_somebody_else_beside_a_password(
    prove_passkey, ceremonies, register, verified
):
    owner, forger = Authenticator(), Authenticator()
    await register(owner, "bob")
    forger.credential_id = owner.credential_id
    challenge = Challenge(purpose="", id=bytes(32), expire_time_ns=0)
    response = forger.get(ceremonies.request_options(challenge.id))

    for user_id in ("alice", "bob"):
        verified.clear()
        await refusal_of(prove_passkey(response, challenge, user_id=user_id))
        assert sorted(verified) == ONE_OF_EACH


async def test_a_signature_that_is_good_is_verified_once(
    prove_passkey, ceremonies, register, verified
):
    owner = Authenticator("EdDSA")
    await register(owner)
    challenge = Challenge(purpose="", id=bytes(32), expire_time_ns=0)

    await prove_passkey(owner.get(ceremonies.request_options(challenge.id)), challenge)

    assert verified == [-8]
