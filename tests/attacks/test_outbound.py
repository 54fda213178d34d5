"""Whom a server asks by itself: nobody that an issuer, or a token, would have it ask."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from blrcs.v1 import user_pb2
from tests.attacks.world import World, world
from tests.e2e.workers import bearer
from tests.servers.issuer import DISCOVERY, KEYS, Issuer, issuer
from tests.transports import TRANSPORTS

LIST = "/blrcs.v1.UserService/ListUsers"
REQUEST = user_pb2.ListUsersRequest().SerializeToString()
PROBLEMS = {
    "inner": "which is no public address",
    "moved": "redirects are not followed",
    "elsewhere": "is no host that may be reached",
    "plain": "is not an https URL",
}


class Led:
    """A server whose issuers would all lead it to one that has nothing to do with it."""

    def __init__(self, issuers: dict[str, Issuer], victim: Issuer) -> None:
        self.issuers = issuers
        self.victim = victim
        port = victim.url.rpartition(":")[2]
        issuers["moved"].replies[DISCOVERY] = (302, {"Location": f"{victim.url}{KEYS}"}, b"")
        for name, where in (
            ("elsewhere", f"https://127.0.0.1:{port}{KEYS}"),
            ("plain", f"http://localhost:{port}{KEYS}"),
        ):
            url = issuers[name].url
            issuers[name].put(DISCOVERY, {"issuer": url, "jwks_uri": where})

    def settings(self) -> list[dict[str, Any]]:
        return [
            {
                "issuer": each.url,
                "audiences": ["blrcs"],
                "principal": f"issuers/{name}/subjects/{{sub}}",
                "ca_file": str(each.ca_file),
                "allow_private_addresses": name != "inner",
            }
            for name, each in self.issuers.items()
        ]


@pytest.fixture(scope="module", params=TRANSPORTS)
def led(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, Led]]:
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(issuer(tmp_path_factory.mktemp(name)))
            for name in (*PROBLEMS, "victim")
        }
        issuers = Led({name: running[name] for name in PROBLEMS}, running["victim"])
        started = stack.enter_context(
            world(
                tmp_path_factory.mktemp("led"),
                request.param,
                BLRCS_AUTH__ISSUERS=json.dumps(issuers.settings()),
            )
        )
        yield started, issuers


def refused(world: World, token: str) -> None:
    assert world.call(LIST, REQUEST, bearer(token))[0] is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("name", PROBLEMS)
def test_nobody_is_asked_that_an_issuer_leads_to(led: tuple[World, Led], name: str) -> None:
    started, issuers = led
    started.server.wait_for(PROBLEMS[name], source="stderr")
    refused(started, issuers.issuers[name].token())
    assert issuers.victim.asked == []
    assert set(issuers.issuers[name].asked) == (set() if name == "inner" else {DISCOVERY})


@pytest.mark.parametrize("field", ["jku", "x5u", "iss", "kid"])
def test_nobody_is_asked_that_a_token_names(led: tuple[World, Led], field: str) -> None:
    started, issuers = led
    where = f"{issuers.victim.url}{KEYS}"
    key = ec.generate_private_key(ec.SECP256R1())
    claims = {"iss": issuers.victim.url if field == "iss" else issuers.issuers["moved"].url}
    claims |= {"sub": "abc", "aud": "blrcs"}
    headers = {"typ": "JWT"} | ({} if field == "iss" else {field: where})
    refused(started, jwt.encode(claims, key, algorithm="ES256", headers=headers))
    assert issuers.victim.asked == []
