"""Proofs of keys that nobody knows, in great number: each address pays for its own."""

import itertools
import json
from collections.abc import Iterator

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2, user_pb2_grpc
from tests.attacks.world import VICTIM, World, reason_in, world
from tests.e2e.test_workers_proofs import GET_USER, ORIGIN, REFRESH, SIGN_IN, proof
from tests.e2e.workers import PASSWORD, TIMEOUT_S, Metadata
from tests.transports import TRANSPORTS

ISSUE = "/blrcs.v1.AuthService/IssueServiceToken"
ME = user_pb2.GetUserRequest(name=f"users/{VICTIM}").SerializeToString()
FAILURES = 5  # one more in each two minutes
KEYS = [Ed25519PrivateKey.generate() for _ in range(2 * FAILURES)]
NEXT = itertools.count(1)
HOSTS = itertools.count(1)
OK = grpc.StatusCode.OK
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.fixture(scope="module", params=TRANSPORTS)
def proven(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with world(
        tmp_path_factory.mktemp("proven"),
        request.param,
        BLRCS_AUTH__PROOF_ORIGINS=json.dumps([ORIGIN]),
        BLRCS_AUTH__FAILED_TOKENS_PER_ADDRESS=str(FAILURES),
        BLRCS_NETWORK__TRUSTED_PROXIES='["127.0.0.1", "::1"]',
    ) as started:
        yield started


@pytest.fixture
def address() -> str:
    """One from which nobody has called yet."""
    return f"198.51.100.{next(HOSTS)}"


def came_from(address: str) -> tuple[str, str]:
    return "x-forwarded-for", address


def signed_in(world: World, key: Ed25519PrivateKey, address: str) -> auth_pb2.Tokens:
    request = auth_pb2.SignInRequest(user_id=VICTIM, password=PASSWORD)
    metadata = [proof(key, SIGN_IN), came_from(address)]
    reply: auth_pb2.SignInResponse = auth_pb2_grpc.AuthServiceStub(world.channel).SignIn(
        request, metadata=metadata
    )
    return reply.tokens


def in_vain(world: World, method: str, address: str, *, shown: Metadata | None = None) -> str:
    """How a call ends whose credential is nobody's, with a good proof of a key of its own."""
    request = {
        SIGN_IN: auth_pb2.SignInRequest(user_id=f"nobody{next(NEXT)}", password="x" * 12),
        REFRESH: auth_pb2.RefreshRequest(refresh_token="x" * 43),
        ISSUE: auth_pb2.IssueServiceTokenRequest(api_key="blrcs_" + "x" * 49),
    }[method]
    key = Ed25519PrivateKey.generate()
    metadata = [*([proof(key, method)] if shown is None else shown), came_from(address)]
    code, _, trailers, _ = world.call(method, request.SerializeToString(), metadata)
    assert code in {UNAUTHENTICATED, EXHAUSTED}
    return "refused" if code is UNAUTHENTICATED else reason_in(trailers)


@pytest.mark.parametrize("method", [SIGN_IN, REFRESH, ISSUE])
def test_an_address_has_so_many_strange_proofs_looked_at(
    proven: World, address: str, method: str
) -> None:
    found = [in_vain(proven, method, address) for _ in range(30)]
    assert found == ["refused"] * FAILURES + ["PROOF_NOT_VERIFIED"] * (30 - FAILURES)
    # Who shows none is served, and what need not be verified is told what it is.
    assert in_vain(proven, method, address, shown=[]) == "refused"
    assert in_vain(proven, method, address, shown=[("dpop", "x")]) == "refused"
    # And others do not notice.
    assert signed_in(proven, Ed25519PrivateKey.generate(), f"203.0.113.{next(HOSTS)}")


def test_who_signs_in_and_refreshes_pays_nothing(proven: World, address: str) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(proven.channel)
    key = Ed25519PrivateKey.generate()
    for _ in range(FAILURES):
        tokens = signed_in(proven, key, address)
        for _ in range(FAILURES):
            metadata = [proof(key, REFRESH), came_from(address)]
            request = auth_pb2.RefreshRequest(refresh_token=tokens.refresh_token)
            tokens = auth.Refresh(request, metadata=metadata).tokens
            assert tokens.token_type == "DPoP"


def test_what_a_thief_forges_to_a_stolen_token_is_paid_for_where_it_is(
    proven: World, address: str
) -> None:
    key = Ed25519PrivateKey.generate()
    token = signed_in(proven, key, address).access_token
    bound = ("authorization", f"DPoP {token}")
    theft = f"203.0.113.{next(HOSTS)}"

    def use(shown: tuple[str, str], at: str) -> grpc.StatusCode:
        return proven.call(GET_USER, ME, [bound, shown, came_from(at)])[0]

    _, seen = proof(key, GET_USER, token)
    assert use(("dpop", seen), address) is OK
    for _ in range(4 * FAILURES):
        # Of the very key, with the signature of another proof.
        _, made = proof(key, GET_USER, token)
        forged = f"{made.rpartition('.')[0]}.{seen.rpartition('.')[2]}"
        assert use(("dpop", forged), theft) is UNAUTHENTICATED
    assert use(("dpop", seen), theft) is UNAUTHENTICATED
    for _ in range(2 * FAILURES):
        assert use(proof(key, GET_USER, token), address) is OK
    # Whose key is another's is not looked at, and costs nobody anything.
    other = Ed25519PrivateKey.generate()
    for _ in range(2 * FAILURES):
        assert use(proof(other, GET_USER, token), address) is UNAUTHENTICATED
        assert use(proof(key, GET_USER, token, iat=1), address) is UNAUTHENTICATED
    assert use(proof(key, GET_USER, token), address) is OK


def test_honest_callers_behind_one_address_have_their_turn(proven: World, address: str) -> None:
    """As behind a NAT: more of them at a moment than may come to nothing in ten minutes."""
    users = user_pb2_grpc.UserServiceStub(proven.channel)
    own = {"metadata": proven.admin}
    account = f"robot{next(NEXT)}"
    users.CreateServiceAccount(
        user_pb2.CreateServiceAccountRequest(service_account_id=account, service_account={}), **own
    )
    request = user_pb2.CreateApiKeyRequest(parent=f"serviceAccounts/{account}", api_key={})
    shown = auth_pb2.IssueServiceTokenRequest(api_key=users.CreateApiKey(request, **own).key)
    tokens = [signed_in(proven, key, address) for key in KEYS]
    auth = auth_pb2_grpc.AuthServiceStub(proven.channel)

    def metadata(key: Ed25519PrivateKey, method: str) -> Metadata:
        return [proof(key, method), came_from(address)]

    calls = [
        auth.IssueServiceToken.future(shown, metadata=metadata(key, ISSUE), timeout=TIMEOUT_S)
        for key in KEYS
    ]
    calls += [
        auth.Refresh.future(
            auth_pb2.RefreshRequest(refresh_token=each.refresh_token),
            metadata=metadata(key, REFRESH),
            timeout=TIMEOUT_S,
        )
        for key, each in zip(KEYS, tokens, strict=True)
    ]
    assert [each.code() for each in calls] == [OK] * 2 * len(KEYS)
    # And nothing was taken for good.
    found = [in_vain(proven, ISSUE, address) for _ in range(FAILURES + 1)]
    assert found == ["refused"] * FAILURES + ["PROOF_NOT_VERIFIED"]


def test_who_waits_for_strangers_is_refused_with_them(proven: World, address: str) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(proven.channel)
    calls = [
        auth.SignIn.future(
            auth_pb2.SignInRequest(user_id=f"nobody{next(NEXT)}", password="x" * 12),
            metadata=[proof(Ed25519PrivateKey.generate(), SIGN_IN), came_from(address)],
            timeout=TIMEOUT_S,
        )
        for _ in range(8 * FAILURES)
    ]
    ended = [each.code() for each in calls]
    assert ended.count(UNAUTHENTICATED) == FAILURES
    assert ended.count(EXHAUSTED) == 7 * FAILURES
    assert in_vain(proven, ISSUE, address) == "PROOF_NOT_VERIFIED"
    assert signed_in(proven, Ed25519PrivateKey.generate(), f"203.0.113.{next(HOSTS)}")
