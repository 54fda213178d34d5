"""Codes by the time, as RFC 6238 has them."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from blrcs.security.totp import STEP_NS, Rfc6238Codes
from tests.unit.application.second_factor_fakes import code_at

SECRET = b"12345678901234567890"
SECOND_NS = 10**9


@pytest.fixture
def codes():
    return Rfc6238Codes(issuer="ACME & Sons")


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_of_appendix_b(codes, seconds, code):
    assert codes.step_of(SECRET, code, seconds * SECOND_NS) == seconds // 30


@pytest.mark.parametrize(
    ("steps", "step"), [(-2, None), (-1, 1000), (0, 1000), (1, 1000), (2, None)]
)
def test_a_code_is_good_in_its_step_and_those_beside(codes, steps, step):
    code = code_at(SECRET, at(1000))

    assert codes.step_of(SECRET, code, at(1000 + steps)) == step


def at(step):
    return step * STEP_NS + STEP_NS // 2


def test_time_begins_at_the_epoch(codes):
    assert codes.step_of(SECRET, "755224", 0) == 0


@pytest.mark.parametrize("text", ["", "28708", "2870820", "x", "٢٨٧٠٨٢"])
def test_what_is_no_code_is_wrong(codes, text):
    assert codes.step_of(SECRET, text, 59 * SECOND_NS) is None


def test_the_uri_says_all_that_an_authenticator_needs(codes):
    uri = urlsplit(codes.uri(SECRET, "alice"))

    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/ACME%20%26%20Sons:alice")
    query = parse_qs(uri.query)
    assert base64.b32decode(query.pop("secret")[0]) == SECRET
    assert query == {
        "issuer": ["ACME & Sons"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_a_secret_has_160_bits_in_base32_without_padding(codes):
    secret = codes.new_secret()

    assert len(secret) == 20
    assert base64.b32decode(codes.text(secret)) == secret
    assert codes.new_secret() != secret
