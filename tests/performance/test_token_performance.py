"""What verifying a token costs: at first sight, seen before, and refused."""

import pytest

from blrcs_native.tokens.claims import Claims
from tests.unit.native.tokens.token_factory import ALL_ALGORITHMS, make_token, make_verifier, reason


@pytest.mark.parametrize("algorithm", ALL_ALGORITHMS)
def test_first_sight(benchmark, algorithm):
    verifier = make_verifier(algorithm, cache_entries=0)
    assert isinstance(benchmark(verifier.verify, make_token(algorithm)), Claims)


def test_seen_before(benchmark):
    verifier = make_verifier()
    token = make_token()
    claims = verifier.verify(token)
    assert benchmark(verifier.verify, token) is claims


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("not a token", "TOKEN_MALFORMED"),
        ("." * 10_000, "TOKEN_TOO_LARGE"),
        (make_token(number=1), "TOKEN_SIGNATURE_INVALID"),
        (make_token(exp=1), "TOKEN_EXPIRED"),
    ],
    ids=["malformed", "oversized", "forged", "expired"],
)
def test_refused(benchmark, token, expected):
    assert reason(benchmark(make_verifier().verify, token)) == expected
