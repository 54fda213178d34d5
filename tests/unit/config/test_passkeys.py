import pytest
from pydantic import ValidationError

from blrcs.config.passkeys import Passkeys


def test_without_a_domain_there_are_none():
    assert Passkeys().rp_id is None


@pytest.mark.parametrize(
    ("rp_id", "origins"),
    [
        ("example.org", ["https://example.org"]),
        ("example.org", ["https://app.example.org:8443", "https://b.example.org"]),
        ("localhost", ["http://localhost:8080"]),
    ],
)
def test_origins_of_the_domain_are_taken(rp_id, origins):
    assert Passkeys(rp_id=rp_id, origins=origins).origins == tuple(origins)


@pytest.mark.parametrize(
    ("rp_id", "origins"),
    [
        ("example.org", []),
        ("example.org", ["http://example.org"]),
        ("example.org", ["https://example.org/"]),
        ("example.org", ["https://example.org/path"]),
        ("example.org", ["https://badexample.org"]),
        ("example.org", ["https://example.org.evil.test"]),
        ("example.org", ["https://user@example.org"]),
        ("example.org", ["example.org"]),
        ("Example.org", ["https://example.org"]),
        ("https://example.org", ["https://example.org"]),
        ("", ["https://example.org"]),
    ],
)
def test_others_are_refused(rp_id, origins):
    with pytest.raises(ValidationError):
        Passkeys(rp_id=rp_id, origins=origins)
