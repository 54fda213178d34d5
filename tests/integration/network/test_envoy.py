"""Envoy between clients and a server."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError

from blrcs.config.network import Network
from blrcs.domain.policy import PUBLIC, Limit, MethodPolicy
from blrcs.transport.tls import ssl_server_credentials
from tests.certificates import make_certificate
from tests.integration.network.seen import counted, seen, serving
from tests.integration.network.test_addresses import refusal
from tests.servers.envoy import envoy
from tests.servers.haproxy import haproxy
from tests.transports import TRANSPORTS

SOURCE = "127.0.0.9"
CLIENT = "127.0.0.5"
"""Of 127.0.0.1 Envoy says that the call comes from the machine's own address."""
NETWORK = Network(trusted_proxies=(SOURCE,))
TWO_EACH = MethodPolicy("public", limits=(Limit("address", 2, period_ns=3600 * 10**9),))
SPOOFED = ("x-forwarded-for", "6.6.6.6")

every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@contextmanager
def envoy_for_client(target: int, address: str = CLIENT) -> Iterator[int]:
    """A port of an Envoy to which all calls come from an address."""
    with (
        envoy(target, source=SOURCE) as proxy,
        haproxy(proxy.port, forwarded=False, server=f"source {address}") as relay,
    ):
        yield relay.port


@every_transport
async def test_its_header_names_the_client(transport: Any) -> None:
    async with serving(transport, NETWORK, TWO_EACH) as (_, port):
        with envoy_for_client(port) as proxy_port:
            address, peer = await seen(proxy_port, SPOOFED)
            assert address == CLIENT
            assert peer.startswith(f"ipv4:{SOURCE}:")
            await seen(proxy_port)
            refused = (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
            assert await refusal(proxy_port, ("x-forwarded-for", "7.7.7.7")) == refused
        with envoy_for_client(port, "127.0.0.6") as proxy_port:
            assert (await seen(proxy_port))[0] == "127.0.0.6"


@every_transport
async def test_the_client_may_be_denied_behind_it(transport: Any) -> None:
    network = NETWORK.model_copy(update={"deny": (CLIENT,)})
    async with serving(transport, network) as (_, port):
        with envoy_for_client(port) as proxy_port:
            denied = (grpc.StatusCode.PERMISSION_DENIED, "ADDRESS_NOT_ALLOWED")
            assert await refusal(proxy_port, SPOOFED) == denied


@pytest.mark.parametrize("with_tls", [True, False])
async def test_it_says_for_whom_it_connects(tmp_path: Path, *, with_tls: bool) -> None:
    made = make_certificate(tmp_path)
    credentials = ssl_server_credentials([(made.key, made.chain)]) if with_tls else None
    network = NETWORK.model_copy(update={"forwarded_header": "none"})
    async with serving("native", network, proxied=True, credentials=credentials) as (server, port):
        certificate = made.path if with_tls else None
        with envoy(port, source=SOURCE, certificate=certificate, proxy_protocol=True) as proxy:
            answers = await asyncio.gather(*(seen(proxy.port, SPOOFED) for _ in range(8)))
            for address, peer in answers:
                assert address == "127.0.0.1"
                assert peer.startswith(f"ipv4:{SOURCE}:")
        assert not counted(server)


async def test_without_its_header_it_is_a_stranger() -> None:
    async with serving("native", NETWORK, PUBLIC, proxied=True) as (server, port):
        with envoy(port, source=SOURCE) as proxy:
            with pytest.raises(AioRpcError) as caught:
                await seen(proxy.port)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert set(counted(server)) == {"proxy_malformed"}
