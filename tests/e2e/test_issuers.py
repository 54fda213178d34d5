"""Tokens of another issuer, from its discovery to its end."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.e2e.conftest import Start
from tests.e2e.server import Server
from tests.e2e.workers import (
    FIRST_PASSWORD,
    TIMEOUT_S,
    Metadata,
    administrator,
    bearer,
    code,
    until,
)
from tests.servers.issuer import DISCOVERY, Issuer, issuer

LIST = user_pb2.ListUsersRequest()
KNOWN = "keys of an issuer are known"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Issuer]:
    folder = tmp_path / "issuer"
    folder.mkdir()
    with issuer(folder) as running:
        yield running


def serve(start: Start, other: Issuer, **settings: Any) -> Server:
    trusted = {
        "issuer": other.url,
        "audiences": ["blrcs"],
        "principal": "issuers/test/subjects/{sub}",
        "ca_file": str(other.ca_file),
        "allow_private_addresses": True,
        "groups_claim": "roles",
        "groups": {"ops": "groups/ops"},
    }
    return start(
        BLRCS_AUTH__ISSUERS=json.dumps([trusted | settings]),
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        BLRCS_POLICIES=json.dumps(
            {f"/blrcs.v1.{name}Service/*": {"limits": []} for name in ("Auth", "User", "Access")}
        ),
    )


@pytest.fixture
def server(start: Start, other: Issuer) -> Server:
    started = serve(start, other)
    started.wait_for(KNOWN, source="stderr")
    return started


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


@pytest.fixture
def admin(channel: grpc.Channel) -> Metadata:
    return administrator([channel, channel])


def bind(channel: grpc.Channel, admin: Metadata, name: str, *members: str) -> None:
    access_pb2_grpc.AccessServiceStub(channel).CreateBinding(
        access_pb2.CreateBindingRequest(
            binding_id=name, binding={"role": "roles/viewer", "members": members}
        ),
        metadata=admin,
    )


@pytest.fixture
def listing(channel: grpc.Channel) -> Callable[[str], grpc.StatusCode]:
    """How a listing of users with a token ends."""
    users = user_pb2_grpc.UserServiceStub(channel)
    return lambda token: code(
        lambda: users.ListUsers(LIST, metadata=bearer(token), timeout=TIMEOUT_S)
    )


OK = grpc.StatusCode.OK
DENIED = grpc.StatusCode.PERMISSION_DENIED
UNKNOWN = grpc.StatusCode.UNAUTHENTICATED


def test_subjects_are_principals_and_their_groups_count(
    channel: grpc.Channel, admin: Metadata, other: Issuer, listing: Callable[[str], Any]
) -> None:
    assert listing(other.token()) is DENIED
    bind(channel, admin, "subject", "issuers/test/subjects/abc")
    access_pb2_grpc.AccessServiceStub(channel).CreateGroup(
        access_pb2.CreateGroupRequest(group_id="ops", group={}), metadata=admin
    )
    bind(channel, admin, "group", "groups/ops")
    assert listing(other.token()) is OK
    assert listing(other.token(sub="def")) is DENIED
    assert listing(other.token(sub="def", roles=["ops", "x"])) is OK
    assert listing(other.token(sub="def", roles=["groups/ops"])) is DENIED
    # Whatever the issuer says of itself, it names nobody of this server.
    for sub in ("users/admin", "../../users/admin", "abc/../admin"):
        assert listing(other.token(sub=sub)) is UNKNOWN
    for wrong in ({"aud": "else"}, {"exp": 1}, {"sub": ...}, {"iss": "blrcs"}):
        assert listing(other.token(**wrong)) is UNKNOWN
    described = auth_pb2_grpc.AuthServiceStub(channel).Introspect(
        auth_pb2.IntrospectRequest(token=other.token(sid="s")), metadata=admin
    )
    assert described.principal == "issuers/test/subjects/abc"
    assert (described.issuer, described.session) == (other.url, "")


def test_a_revoked_subject_and_a_revoked_token_are_refused_at_once(
    channel: grpc.Channel, admin: Metadata, other: Issuer, listing: Callable[[str], Any]
) -> None:
    bind(channel, admin, "subject", "issuers/test/subjects/abc")
    stub = auth_pb2_grpc.AuthServiceStub(channel)
    one, two = other.token(jti="1"), other.token(jti="2", iat=int(time.time()) - 3_600)
    assert listing(one) is listing(two) is OK

    stub.RevokeTokens(auth_pb2.RevokeTokensRequest(issuer=other.url, token_id="1"), metadata=admin)
    assert (listing(one), listing(two)) == (UNKNOWN, OK)
    stub.RevokeTokens(auth_pb2.RevokeTokensRequest(issuer=other.url, subject="abc"), metadata=admin)
    assert listing(two) is UNKNOWN


def test_keys_rotate_and_outlast_the_issuers_absence(
    channel: grpc.Channel, admin: Metadata, other: Issuer, listing: Callable[[str], Any]
) -> None:
    bind(channel, admin, "subject", "issuers/test/subjects/abc")
    old = other.token()
    assert listing(old) is OK
    other.add_key("k2")
    # The first of them says that the issuer has a key that is not known yet.
    until(lambda: listing(other.token()) is OK)
    other.drop_key("k1")
    other.replies[DISCOVERY] = (503, {}, b"")
    assert listing(other.token()) is OK


def test_an_issuer_at_an_inner_address_is_not_asked(start: Start, other: Issuer) -> None:
    started = serve(start, other, allow_private_addresses=False)
    started.wait_for("no public address", source="stderr")
    with grpc.insecure_channel(started.address) as channel:
        users = user_pb2_grpc.UserServiceStub(channel)
        answer = code(lambda: users.ListUsers(LIST, metadata=bearer(other.token())))
    assert answer is UNKNOWN
    assert other.asked == []


def figures(server: Server) -> tuple[float, dict[str, float]]:
    """How many workers have keys, and how often the issuer was asked, by what came of it."""
    text = server.metrics()
    (workers,) = re.findall(r"^blrcs_issuer_workers\{issuer=\S+\} (\S+)$", text, re.MULTILINE)
    pattern = r'^blrcs_issuer_fetches_total\{issuer=\S+,outcome="(\w+)"\} (\S+)$'
    return float(workers), {
        outcome: float(count) for outcome, count in re.findall(pattern, text, re.MULTILINE)
    }


def test_an_issuer_whose_keys_cannot_be_had_is_named(start: Start, other: Issuer) -> None:
    server = serve(start, other, allow_private_addresses=False)
    server.wait_for(f"keys cannot be had +issuer='{other.url}'", source="stderr")
    server.wait_for("no public address", source="stderr")
    assert f'blrcs_issuer_workers{{issuer="{other.url}"}} 0' in server.metrics()
    workers, fetches = figures(server)
    assert workers == 0
    assert fetches.get("failed", 0) >= 1
    assert not fetches.get("fetched")


def test_an_issuer_whose_keys_are_known_is_counted(server: Server) -> None:
    workers, fetches = figures(server)
    assert workers == 1
    assert fetches["fetched"] >= 1
