"""Passkeys against an authenticator in software."""

import json
from dataclasses import replace

import pytest

from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.second_factor import Passkey
from blrcs.security.passkeys import WebAuthnCeremonies
from tests.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    ORIGIN,
    PRESENT,
    RP_ID,
    VERIFIED,
    Authenticator,
    base64url,
)

CHALLENGE = bytes(range(32))
OTHER = base64url(bytes(32))


@pytest.fixture
def ceremonies():
    return WebAuthnCeremonies(
        rp_id=RP_ID, rp_name="Example", origins=[ORIGIN, "https://example.org"]
    )


@pytest.fixture(params=["ES256", "EdDSA", "RS256"])
def authenticator(request):
    return Authenticator(request.param)


def create(ceremonies, authenticator, **wrong):
    options = ceremonies.creation_options("alice", CHALLENGE, excluded=[])
    return ceremonies.new_credential(authenticator.create(options, **wrong), CHALLENGE)


def register(ceremonies, authenticator):
    made = create(ceremonies, authenticator)
    return Passkey(
        id="p",
        user_id="alice",
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        create_time_ns=0,
    )


def use(ceremonies, authenticator, passkey, **wrong):
    options = ceremonies.request_options(CHALLENGE)
    return ceremonies.assertion(authenticator.get(options, **wrong), CHALLENGE, passkey)


def test_what_an_authenticator_makes_is_taken_and_used(ceremonies, authenticator):
    passkey = register(ceremonies, authenticator)

    assert passkey.credential_id == authenticator.credential_id
    used = use(ceremonies, authenticator, passkey)

    assert (used.sign_count, used.backed_up) == (1, False)


def test_any_of_the_origins_will_do(ceremonies, authenticator):
    passkey = register(ceremonies, authenticator)

    assert use(ceremonies, authenticator, passkey, origin="https://example.org")


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://example.com"},
        {"origin": "http://app.example.org"},
        {"origin": "https://app.example.org.evil.test"},
        {"rp_id": "example.com"},
        {"challenge": OTHER},
        {"challenge": ""},
    ],
    ids=str,
)
def test_what_was_made_for_somebody_else_is_refused(ceremonies, authenticator, wrong):
    wrong = wrong if wrong != {"challenge": ""} else {"challenge": "AA"}
    passkey = register(ceremonies, authenticator)

    assert use(ceremonies, authenticator, passkey, **wrong) is None
    assert create(ceremonies, Authenticator(), **wrong) is None


def test_a_registration_is_no_use(ceremonies, authenticator):
    passkey = register(ceremonies, authenticator)

    assert use(ceremonies, authenticator, passkey, kind="webauthn.create") is None


@pytest.mark.parametrize("flags", [0, PRESENT, VERIFIED])
def test_who_is_not_verified_is_refused(ceremonies, authenticator, flags):
    passkey = register(ceremonies, authenticator)
    authenticator.flags = flags

    assert use(ceremonies, authenticator, passkey) is None
    assert create(ceremonies, Authenticator(flags=flags)) is None


def test_the_signature_is_that_of_the_passkey(ceremonies, authenticator):
    passkey = register(ceremonies, authenticator)
    forger = Authenticator()
    forger.credential_id, forger.handle = authenticator.credential_id, authenticator.handle

    assert use(ceremonies, forger, passkey) is None


def test_another_users_handle_is_refused(ceremonies, authenticator):
    passkey = register(ceremonies, authenticator)
    authenticator.handle = b"bob"

    assert use(ceremonies, authenticator, passkey) is None


def test_every_part_of_a_response_is_signed(ceremonies, authenticator):
    passkey = register(ceremonies, authenticator)
    response = json.loads(authenticator.get(ceremonies.request_options(CHALLENGE)))

    for name in ("clientDataJSON", "authenticatorData", "signature"):
        altered = json.loads(json.dumps(response))
        text = altered["response"][name]
        altered["response"][name] = text[:-2] + ("A" if text[-2] != "A" else "B") + text[-1]
        assert ceremonies.assertion(json.dumps(altered), CHALLENGE, passkey) is None


@pytest.mark.parametrize("count", [0, 4])
def test_a_count_that_does_not_grow_is_a_copy(ceremonies, authenticator, count):
    passkey = register(ceremonies, authenticator)
    seen = replace(passkey, sign_count=5)
    authenticator.count = count

    assert use(ceremonies, authenticator, seen) is None


def test_an_authenticator_that_does_not_count_is_taken(ceremonies):
    authenticator = Authenticator(count=None)
    passkey = register(ceremonies, authenticator)

    assert use(ceremonies, authenticator, passkey).sign_count == 0


def test_a_copy_elsewhere_is_told(ceremonies):
    flags = PRESENT | VERIFIED | BACKUP_ELIGIBLE | BACKED_UP
    authenticator = Authenticator(flags=flags)

    assert create(ceremonies, authenticator).backed_up
    assert use(ceremonies, authenticator, register(ceremonies, authenticator)).backed_up


@pytest.mark.parametrize(
    "response", ["", "x", "{}", "[]", "null", '{"id": 1}', "[" * 10000, '{"id": "AA"}']
)
def test_what_is_no_response_is_refused(ceremonies, authenticator, response):
    passkey = register(ceremonies, authenticator)

    assert ceremonies.credential_id_in(response) is None
    assert ceremonies.assertion(response, CHALLENGE, passkey) is None
    assert ceremonies.new_credential(response, CHALLENGE) is None


def test_the_options_ask_for_a_key_that_signs_in_by_itself(ceremonies):
    options = json.loads(ceremonies.creation_options("alice", CHALLENGE, excluded=[b"known"]))

    assert options["rp"] == {"id": RP_ID, "name": "Example"}
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [-8, -7, -257]
    assert [each["id"] for each in options["excludeCredentials"]] == [base64url(b"known")]
    assert options["user"]["name"] == "alice"
    assert "alice" not in options["user"]["id"]
    asked = json.loads(ceremonies.request_options(CHALLENGE, allowed=[b"known"]))
    assert asked["userVerification"] == "required"
    assert [each["id"] for each in asked["allowCredentials"]] == [base64url(b"known")]


def test_without_a_domain_there_are_none():
    off = WebAuthnCeremonies(rp_id=None, rp_name="x", origins=[])

    assert not off.are_on
    for call in (
        lambda: off.creation_options("alice", CHALLENGE, excluded=[]),
        lambda: off.request_options(CHALLENGE),
        lambda: off.credential_id_in("{}"),
        lambda: off.new_credential("{}", CHALLENGE),
    ):
        with pytest.raises(FailedPreconditionError) as caught:
            call()
        assert caught.value.reason == "PASSKEYS_OFF"
