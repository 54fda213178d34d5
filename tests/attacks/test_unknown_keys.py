"""Tokens that name a key which their issuer has not told of yet."""

import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from blrcs.v1 import user_pb2
from tests.attacks.world import World, reason_in, world
from tests.e2e.workers import TIMEOUT_S, bearer, until
from tests.servers.issuer import DISCOVERY, Issuer, issuer
from tests.transports import TRANSPORTS

LIST = "/blrcs.v1.UserService/ListUsers"
REQUEST = user_pb2.ListUsersRequest().SerializeToString()


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with issuer(tmp_path_factory.mktemp("issuer")) as running:
        running.answers.clear()
        yield running


@pytest.fixture(params=TRANSPORTS)
def asking(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, other: Issuer
) -> Iterator[World]:
    """A server that is about to ask its issuer, which keeps it waiting."""
    settings: dict[str, Any] = {
        "issuer": other.url,
        "audiences": ["blrcs"],
        "principal": "issuers/test/subjects/{sub}",
        "ca_file": str(other.ca_file),
        "allow_private_addresses": True,
    }
    directory = tmp_path_factory.mktemp("asking")
    with world(directory, request.param, BLRCS_AUTH__ISSUERS=json.dumps([settings])) as started:
        yield started


def sent(world: World, token: str) -> Any:
    """A call that is under way."""
    return world.channel.unary_unary(LIST).future(REQUEST, TIMEOUT_S, bearer(token))


def outcome(call: Any) -> str:
    """Why a call was refused by its token; empty where it was not."""
    if call.code() is grpc.StatusCode.PERMISSION_DENIED:
        return ""
    assert call.code() is grpc.StatusCode.UNAUTHENTICATED
    return reason_in(dict(call.trailing_metadata()))


def test_a_token_waits_for_the_key_that_it_names(asking: World, other: Issuer) -> None:
    # It has just been asked, once more.
    other.asked.clear()
    until(lambda: bool(other.asked))
    calls = [sent(asking, other.token()) for _ in range(8)]
    # Others are served meanwhile, and what is not for this issuer does not wait.
    assert asking.call(LIST, REQUEST, asking.admin)[0] is grpc.StatusCode.OK
    assert outcome(sent(asking, other.token(iss="https://else.example"))) != ""
    assert not any(call.done() for call in calls)
    other.answers.set()
    assert {outcome(call) for call in calls} == {""}
    assert other.asked.count(DISCOVERY) == 1
