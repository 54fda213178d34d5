"""Tokens of a provider of OpenID Connect that others made."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from blrcs.v1 import user_pb2, user_pb2_grpc
from tests.attacks.world import reason_in
from tests.e2e.conftest import Start
from tests.e2e.server import Server
from tests.e2e.workers import FIRST_PASSWORD, TIMEOUT_S, Metadata, bearer, until
from tests.servers.openid_provider import OpenIdProvider, openid_provider

LIST = "/blrcs.v1.UserService/ListUsers"
REQUEST = user_pb2.ListUsersRequest()
ORIGIN = "https://api.example.com"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as running:
        yield running


@pytest.fixture
def server(start: Start, provider: OpenIdProvider) -> Server:
    trusted = {
        "issuer": provider.url,
        "audiences": ["orders"],
        "principal": "issuers/provider/subjects/{sub}",
        "ca_file": str(provider.ca_file),
        "allow_private_addresses": True,
    }
    started = start(
        BLRCS_AUTH__ISSUERS=json.dumps([trusted]),
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        BLRCS_AUTH__PROOF_ORIGINS=json.dumps([ORIGIN]),
        BLRCS_POLICIES=json.dumps({"/blrcs.v1.UserService/*": {"limits": []}}),
    )
    started.wait_for("keys of an issuer are known", source="stderr")
    return started


Verdict = Callable[[Metadata], str]


@pytest.fixture
def verdict(server: Server) -> Iterator[Verdict]:
    """Why a call is refused; empty where it is known whose it is, who may do nothing yet."""
    with grpc.insecure_channel(server.address) as channel:
        users = user_pb2_grpc.UserServiceStub(channel)

        def judge(metadata: Metadata) -> str:
            with pytest.raises(grpc.RpcError) as refused:
                users.ListUsers(REQUEST, metadata=metadata, timeout=TIMEOUT_S)
            if refused.value.code() is grpc.StatusCode.PERMISSION_DENIED:
                return ""
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
            return reason_in(dict(refused.value.trailing_metadata()))

        yield judge


def records_of(tmp_path: Path) -> list[dict[str, str]]:
    """What the audit log has, but for a line that is being written."""
    return [
        json.loads(line)
        for segment in tmp_path.glob("**/audit/*/*.jsonl")
        for line in segment.read_text().rpartition("\n")[0].splitlines()
    ]


def test_what_it_signs_by_any_of_its_keys_is_taken_also_by_a_new_one(
    provider: OpenIdProvider, verdict: Verdict
) -> None:
    old = provider.token()
    for algorithm in ("RS256", "ES256", "EdDSA", "Ed25519"):
        provider.sign_by(algorithm)
        assert verdict(bearer(provider.token())) == ""
    # Its key for RSA is one for RS256 here.
    provider.sign_by("PS256")
    assert verdict(bearer(provider.token())) == "TOKEN_ALGORITHM_MISMATCH"
    provider.sign_by("ES256", new_key=True)

    def is_taken() -> bool:
        assert verdict(bearer(old)) == ""
        return verdict(bearer(provider.token())) == ""

    until(is_taken)


def test_what_is_no_access_token_for_this_server_is_refused(
    provider: OpenIdProvider, verdict: Verdict, tmp_path: Path
) -> None:
    tokens = provider.tokens_of_alice()
    assert verdict(bearer(tokens["access_token"])) == ""
    assert verdict(bearer(tokens["id_token"])) == "TOKEN_TYPE_UNACCEPTED"
    elsewhere = provider.token("urn:billing")
    assert verdict(bearer(elsewhere)) == "TOKEN_AUDIENCE_MISMATCH"
    assert verdict(bearer(provider.token(""))) == "TOKEN_MALFORMED"

    def told() -> dict[str, str | None]:
        refused = [each for each in records_of(tmp_path) if each.get("code") == "UNAUTHENTICATED"]
        return {each["reason"]: each.get("issuer") for each in refused}

    until(lambda: len(told()) == 3)
    assert told() == {
        "TOKEN_TYPE_UNACCEPTED": provider.url,
        "TOKEN_AUDIENCE_MISMATCH": provider.url,
        "TOKEN_MALFORMED": None,
    }


def test_a_token_that_it_binds_is_of_no_use_without_the_key(
    provider: OpenIdProvider, verdict: Verdict
) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    token = provider.token(DPoP=provider.proof(key))
    own = ("authorization", f"DPoP {token}")
    assert verdict(bearer(token)) == "TOKEN_PROOF_MISSING"
    assert verdict([own]) == "TOKEN_PROOF_INVALID"
    assert verdict([own, ("dpop", provider.proof(other, f"{ORIGIN}{LIST}", token))]) == (
        "TOKEN_PROOF_INVALID"
    )
    proven = [own, ("dpop", provider.proof(key, f"{ORIGIN}{LIST}", token))]
    assert [verdict(proven) for _ in range(2)] == ["", "TOKEN_PROOF_INVALID"]
