import pytest
from pydantic import ValidationError

from blrcs.config.auth import Auth
from blrcs.config.issuers import TrustedIssuer

ISSUER = {
    "issuer": "https://login.example.com/tenant",
    "audiences": ["orders"],
    "principal": "issuers/example/subjects/{sub}",
}


def problem(**changes):
    with pytest.raises(ValidationError) as refused:
        TrustedIssuer(**(ISSUER | changes))
    return str(refused.value)


def test_an_issuer_is_reached_at_its_own_host_and_those_named():
    issuer = TrustedIssuer(**ISSUER, allowed_hosts=["Keys.Example.com"])
    assert issuer.hosts == {"login.example.com", "keys.example.com"}
    assert TrustedIssuer(
        **ISSUER, jwks_uri="https://keys.example.com/k", allowed_hosts=["keys.example.com"]
    )
    assert "allowed_hosts" in problem(jwks_uri="https://keys.example.com/k")


@pytest.mark.parametrize(
    "url", ["http://x.example", "x.example", "https://", "https://u:p@x.example", "ftp://x", ""]
)
def test_an_issuer_is_an_https_url(url):
    assert "https" in problem(issuer=url)
    assert "https" in problem(jwks_uri=url)


@pytest.mark.parametrize(
    "changes",
    [
        {"audiences": []},
        {"principal": "users/admin"},
        {"principal": "{sub}"},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"algorithms": []},
        {"groups": {"a": "groups/a"}},
        {"groups_claim": "g", "groups": {"a": "users/admin"}},
        {"max_token_ttl": "31d"},
        {"unknown": 1},
    ],
)
def test_what_could_mean_too_much_is_refused(changes):
    problem(**changes)


def test_an_issuer_is_named_once_and_is_not_the_server_itself():
    assert Auth(issuers=[ISSUER]).issuers[0].issuer == ISSUER["issuer"]
    with pytest.raises(ValidationError, match="twice"):
        Auth(issuers=[ISSUER, ISSUER])
    with pytest.raises(ValidationError, match="own"):
        Auth(issuer=ISSUER["issuer"], issuers=[ISSUER])


def test_a_key_signs_for_longer_than_it_waits():
    with pytest.raises(ValidationError, match="twice key_prepublish"):
        Auth(key_prepublish="1h", key_rotation_interval="1h")
    assert Auth(key_prepublish="30m", key_rotation_interval="1h")


def test_the_longest_token_counts_with_the_leeway():
    auth = Auth(access_token_ttl="10m", service_token_ttl="2h", leeway="1m")
    assert auth.longest_token_ns == 121 * 60 * 10**9
