"""Connections that a proxy passes on, with a header that says for whom."""

import asyncio
from typing import Any

import pytest
from grpc.aio import AioRpcError

from blrcs.config.network import Network
from blrcs.domain.policy import PUBLIC, Limit, MethodPolicy
from blrcs.transport.tls import ssl_server_credentials
from tests.certificates import key_and_certificate
from tests.integration.hostile.victim import PATIENCE_S, RawClient
from tests.integration.network.seen import ALL, counted, seen, serving
from tests.integration.network.test_addresses import refusal
from tests.proxy_headers import LOCAL, UNSPECIFIED, client_header, header
from tests.servers.haproxy import haproxy
from tests.unit.native.http2 import frames

PROXY = Network(trusted_proxies=("127.0.0.1",), forwarded_header="none")
GET = ALL.replace("*", "Get").encode()
GREETING = frames.PREFACE + frames.settings()
REQUEST = frames.call(1, GET, b"\x0a\x01n\x12\x01k")
OPTIONS = "send-proxy-v2 proxy-v2-options crc32c"


async def answer(port: int, sent: bytes, **more: Any) -> bytes | None:
    """What the server says to a call behind some bytes; None where it closes the connection."""
    client = await RawClient.connect(port, greeting=sent, **more)
    try:
        while (taken := await client.read()) is not None:
            for frame in taken:
                if frame.kind == frames.DATA:
                    return frame.payload
        return None
    finally:
        await client.close()


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - nothing tells of a counter
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("client", ["1.2.3.4", "2001:db8::1", "unix"])
async def test_the_client_is_the_one_that_the_header_names(client: str) -> None:
    async with serving("native", PROXY, proxied=True) as (_, port):
        reply = await answer(port, client_header(client) + GREETING + REQUEST)
        assert reply is not None
        assert f"{client} ipv4:127.0.0.1:".encode() in reply


async def test_bytes_come_one_by_one() -> None:
    async with serving("native", PROXY, proxied=True) as (_, port):
        client = await RawClient.connect(port, greeting=b"")
        for octet in client_header("1.2.3.4", checksum=True) + GREETING + REQUEST:
            await client.send(bytes([octet]))
        found: list[Any] = []
        while not any(each.kind == frames.DATA for each in found):
            taken = await client.read()
            assert taken is not None
            found += taken
        await client.close()


async def test_a_proxy_calls_for_itself() -> None:
    async with serving("native", PROXY, proxied=True) as (_, port):
        local = header(b"", command=LOCAL, kind=UNSPECIFIED)
        reply = await answer(port, local + GREETING + REQUEST)
        assert reply is not None
        assert b"127.0.0.1 ipv4:" in reply


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        client_header("1.2.3.4", b"\x04\xff\xff"),
        header(b"short"),
    ],
)
async def test_what_is_no_header_ends_the_connection(sent: bytes) -> None:
    async with serving("native", PROXY, proxied=True) as (server, port):
        assert await answer(port, sent + GREETING + REQUEST) is None
        assert counted(server) == {"proxy_malformed": 1}


async def test_a_header_that_does_not_come_ends_the_connection() -> None:
    options = [("grpc.server_handshake_timeout_ms", 50)]
    async with serving("native", PROXY, proxied=True, options=options) as (server, port):
        assert await answer(port, client_header("1.2.3.4")[:-1]) is None
        assert counted(server) == {"slow_handshake": 1}


async def test_a_stranger_may_not_speak_it() -> None:
    trusted = Network(trusted_proxies=("127.0.0.9", "10.0.0.0/8"))
    async with serving("native", trusted, proxied=True) as (server, port):
        sent = client_header("10.0.0.1") + GREETING + REQUEST
        assert await answer(port, sent) is None
        assert counted(server) == {"proxy_untrusted": 1}
        reply = await answer(port, sent, local_addr=("127.0.0.9", 0))
        assert reply is not None
        assert b"10.0.0.1 ipv4:127.0.0.9:" in reply


async def test_nobody_may_speak_it_where_nobody_is_trusted() -> None:
    for network in (None, Network()):
        async with serving("native", network, proxied=True) as (server, port):
            assert await answer(port, client_header("1.2.3.4") + GREETING + REQUEST) is None
            assert counted(server) == {"proxy_untrusted": 1}


async def test_where_it_is_not_spoken_it_is_not_http_2() -> None:
    """Nor is a second header behind the first."""
    async with serving("native", PROXY) as (server, port):
        assert await answer(port, client_header("1.2.3.4") + GREETING + REQUEST) is None
        assert counted(server) == {"protocol_error": 1}
    async with serving("native", PROXY, proxied=True) as (server, port):
        twice = client_header("1.2.3.4") + client_header("5.6.7.8")
        assert await answer(port, twice + GREETING + REQUEST) is None
        assert counted(server) == {"protocol_error": 1}


async def test_lists_are_about_the_client_and_hold_before_its_bytes() -> None:
    network = PROXY.model_copy(update={"allow": ("10.0.0.0/8",)})
    async with serving("native", network, proxied=True) as (server, port):
        assert await answer(port, client_header("10.1.2.3") + GREETING + REQUEST) is not None
        assert await answer(port, client_header("1.2.3.4") + GREETING + REQUEST) is None
        assert counted(server) == {"address_denied": 1}


async def test_connections_are_counted_by_client() -> None:
    options = [("blrcs.max_connections_per_address", 2)]
    async with serving("native", PROXY, proxied=True, options=options) as (server, port):
        held = []
        for client in ("1.2.3.4", "1.2.3.4", "1.2.3.5", "1.2.3.5"):
            opened = await RawClient.connect(port, greeting=client_header(client) + GREETING)
            assert await opened.read()
            held.append(opened)
        assert await answer(port, client_header("1.2.3.4") + GREETING + REQUEST) is None
        assert counted(server) == {"address_limit": 1}
        await held[0].close()
        transport: Any = server._transport
        await until(lambda: transport.connections == 3)
        assert await answer(port, client_header("1.2.3.4") + GREETING + REQUEST) is not None
        for each in held[1:]:
            await each.close()


async def test_a_real_proxy_says_for_whom_it_connects() -> None:
    limited = MethodPolicy("public", limits=(Limit("address", 2, period_ns=3600 * 10**9),))
    network = Network(trusted_proxies=("127.0.0.9",))
    async with serving("native", network, limited, proxied=True) as (server, port):
        with haproxy(port, forwarded=False, server=f"source 127.0.0.9 {OPTIONS}") as proxy:
            for _ in range(2):
                address, peer = await seen(proxy.port, ("x-forwarded-for", "6.6.6.6"))
                assert address == "127.0.0.1"
                assert peer.startswith("ipv4:127.0.0.9:")
            assert (await refusal(proxy.port))[1] == "RATE_LIMITED"
        with pytest.raises(AioRpcError):
            await seen(port)
        assert set(counted(server)) == {"proxy_untrusted"}


async def test_a_real_proxy_passes_tls_on_behind_its_header() -> None:
    key, certificate = key_and_certificate()
    credentials = ssl_server_credentials([(key, certificate)])
    network = Network(trusted_proxies=("127.0.0.9",))
    async with serving("native", network, PUBLIC, proxied=True, credentials=credentials) as (
        _,
        port,
    ):
        with haproxy(port, forwarded=False, server=f"source 127.0.0.9 {OPTIONS}") as proxy:
            address, peer = await seen(proxy.port, certificate=certificate)
            assert address == "127.0.0.1"
            assert peer.startswith("ipv4:127.0.0.9:")


async def test_a_proxy_that_stands_behind_another_is_believed_about_the_client() -> None:
    """The header names a proxy that is trusted, whose own header names the client."""
    network = Network(trusted_proxies=("127.0.0.1", "127.0.0.9"))
    async with serving("native", network, proxied=True) as (_, port):
        with haproxy(port, forwarded=False, server=f"source 127.0.0.9 {OPTIONS}") as proxy:
            assert (await seen(proxy.port, ("x-forwarded-for", "1.2.3.4")))[0] == "1.2.3.4"
