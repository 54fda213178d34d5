"""Lists of addresses and trusted proxies, over the network on both transports."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError

from blrcs.config.network import Network
from blrcs.domain.policy import PUBLIC, Addresses, Limit, MethodPolicy
from tests.integration.network.seen import Observed, counted, seen, serving
from tests.servers.haproxy import haproxy
from tests.transports import TRANSPORTS

XFF = "x-forwarded-for"
PROXY = Network(trusted_proxies=("127.0.0.1",))
THREE_EACH = MethodPolicy("public", limits=(Limit("address", 3, period_ns=3600 * 10**9),))

pytestmark = pytest.mark.parametrize("transport", TRANSPORTS)


def reason(error: AioRpcError) -> str:
    """The ErrorInfo's, where the call was refused by a guard."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            info = error_details_pb2.ErrorInfo()
            for detail in status_pb2.Status.FromString(value).details:
                if detail.Unpack(info):
                    return str(info.reason)
    return ""


async def refusal(port: int | str, *metadata: tuple[str, str]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(AioRpcError) as caught:
        await seen(port, *metadata)
    return caught.value.code(), reason(caught.value)


DENIED = (grpc.StatusCode.PERMISSION_DENIED, "ADDRESS_NOT_ALLOWED")
UNKNOWN = (grpc.StatusCode.PERMISSION_DENIED, "CLIENT_ADDRESS_UNKNOWN")


@pytest.mark.parametrize(
    "network",
    [
        Network(deny=("127.0.0.0/8",)),
        Network(allow=("10.0.0.0/8", "unix")),
        Network(allow=("0.0.0.0/0",), deny=("127.0.0.1",)),
    ],
)
async def test_an_address_that_is_not_served_gets_nothing(transport: Any, network: Network) -> None:
    async with serving(transport, network) as (server, port):
        code, why = await refusal(port)
        if transport == "native":
            # The connection is closed before a byte of it is read.
            assert (code, why) == (grpc.StatusCode.UNAVAILABLE, "")
            assert counted(server)["address_denied"] >= 1
        else:
            assert (code, why) == DENIED


@pytest.mark.parametrize("network", [Network(allow=("127.0.0.0/8",)), Network(deny=("::/0",))])
async def test_an_address_that_is_served_is(transport: Any, network: Network) -> None:
    async with serving(transport, network) as (_, port):
        assert (await seen(port))[0] == "127.0.0.1"


async def test_a_unix_socket_has_no_address(transport: Any, tmp_path: Path) -> None:
    target = f"unix:{tmp_path}/socket"
    async with serving(transport, Network(allow=("127.0.0.1", "unix")), address=target):
        assert (await seen(target))[0] == "unix"
    for network in (Network(allow=("0.0.0.0/0", "::/0")), Network(deny=("unix",))):
        async with serving(transport, network, address=target):
            assert (await refusal(target))[0] in {DENIED[0], grpc.StatusCode.UNAVAILABLE}


@pytest.mark.parametrize("with_network", [True, False])
@pytest.mark.parametrize(
    ("addresses", "served"),
    [
        (Addresses(allow=("127.0.0.1/32",)), True),
        (Addresses(deny=("10.0.0.0/8",)), True),
        (Addresses(allow=("10.0.0.0/8",)), False),
        (Addresses(deny=("127.0.0.1",)), False),
    ],
)
async def test_a_method_has_rules_of_its_own(
    transport: Any, addresses: Addresses, *, served: bool, with_network: bool
) -> None:
    policy = MethodPolicy("public", addresses=addresses)
    network = Network(allow=("127.0.0.0/8",)) if with_network else None
    async with serving(transport, network, policy) as (_, port):
        if served:
            assert (await seen(port))[0] == "127.0.0.1"
        else:
            assert await refusal(port) == DENIED


async def test_a_refused_address_takes_nothing_from_limits(transport: Any) -> None:
    policy = MethodPolicy(
        "public",
        limits=(Limit("method", 1, period_ns=3600 * 10**9),),
        addresses=Addresses(deny=("6.6.6.6",)),
    )
    async with serving(transport, PROXY, policy) as (_, port):
        for _ in range(3):
            assert await refusal(port, (XFF, "6.6.6.6")) == DENIED
        assert (await seen(port, (XFF, "1.2.3.4")))[0] == "1.2.3.4"


async def test_a_trusted_proxy_is_believed_and_peer_stays_its_own(transport: Any) -> None:
    observed = Observed()
    async with serving(transport, PROXY, observers=(observed,)) as (_, port):
        address, peer = await seen(port, (XFF, "9.9.9.9, 1.2.3.4"))
        assert address == "1.2.3.4"
        assert peer.startswith("ipv4:127.0.0.1:")
        assert (await seen(port, (XFF, "9.9.9.9"), (XFF, "2001:DB8::1")))[0] == "2001:db8::1"
        assert (await seen(port))[0] == "127.0.0.1"
    assert observed.addresses == ["1.2.3.4", "2001:db8::1", "127.0.0.1"]


async def test_a_stranger_is_not_believed(transport: Any) -> None:
    stranger = Network(trusted_proxies=("10.0.0.0/8", "unix"))
    async with serving(transport, stranger, THREE_EACH) as (_, port):
        for last in range(3):
            assert (await seen(port, (XFF, f"1.2.3.{last}")))[0] == "127.0.0.1"
        assert (await refusal(port, (XFF, "1.2.3.4")))[1] == "RATE_LIMITED"


async def test_nobody_is_believed_unless_the_configuration_says_so(transport: Any) -> None:
    for network in (None, Network(), PROXY.model_copy(update={"forwarded_header": "none"})):
        async with serving(transport, network) as (_, port):
            assert (await seen(port, (XFF, "1.2.3.4"), ("forwarded", "for=1.2.3.4")))[0] == (
                "127.0.0.1"
            )


async def test_only_the_header_that_is_configured_is_read(transport: Any) -> None:
    forwarded = PROXY.model_copy(update={"forwarded_header": "forwarded"})
    async with serving(transport, forwarded) as (_, port):
        assert (await seen(port, (XFF, "6.6.6.6"), ("forwarded", "for=1.2.3.4")))[0] == "1.2.3.4"
    async with serving(transport, PROXY) as (_, port):
        assert (await seen(port, (XFF, "1.2.3.4"), ("forwarded", "for=6.6.6.6")))[0] == "1.2.3.4"


async def test_a_proxy_that_names_no_address_is_refused(transport: Any) -> None:
    async with serving(transport, PROXY) as (_, port):
        for value in ("unknown", "1.2.3", "1.2.3.4, _hidden", "127.0.0.1," * 40):
            assert await refusal(port, (XFF, value)) == UNKNOWN


async def test_lists_are_about_the_client_behind_the_proxy(transport: Any) -> None:
    network = PROXY.model_copy(update={"allow": ("10.0.0.0/8",), "deny": ("10.6.0.0/16",)})
    async with serving(transport, network) as (_, port):
        assert (await seen(port, (XFF, "10.1.2.3")))[0] == "10.1.2.3"
        assert await refusal(port, (XFF, "10.6.0.1")) == DENIED
        assert await refusal(port, (XFF, "1.2.3.4")) == DENIED
        assert await refusal(port) == DENIED


async def test_limits_by_address_count_clients_behind_a_proxy_apart(transport: Any) -> None:
    async with serving(transport, PROXY, THREE_EACH) as (_, port):
        for client in ("1.2.3.4", "1.2.3.5"):
            for way in (client, f"{client}:80", f"::ffff:{client}"):
                assert (await seen(port, (XFF, way)))[0] == client
            assert (await refusal(port, (XFF, client)))[1] == "RATE_LIMITED"


async def test_a_real_proxy_tells_who_calls_whatever_the_caller_says(transport: Any) -> None:
    """HAProxy adds a header of its own behind those of the client.

    grpc's core keeps the last x-forwarded-for alone.
    """
    before = {"native": "1.2.3.4", "grpcio": "127.0.0.1"}[transport]
    network = Network(trusted_proxies=("127.0.0.1",), deny=("6.6.6.6",))
    async with serving(transport, network, PUBLIC) as (_, port):
        with haproxy(port, forwarded=True) as proxy:
            assert (await seen(proxy.port))[0] == "127.0.0.1"
            # 127.0.0.1 is a proxy itself, so that what it says of those behind it counts.
            assert (await seen(proxy.port, (XFF, "1.2.3.4")))[0] == before
            if transport == "native":
                assert await refusal(proxy.port, (XFF, "6.6.6.6")) == DENIED


async def test_a_stranger_behind_a_real_proxy_is_counted_as_one(transport: Any) -> None:
    """The proxy is trusted by its socket alone, and what it adds is a stranger's address."""
    network = Network(trusted_proxies=("127.0.0.9",))
    async with serving(transport, network, THREE_EACH) as (_, port):
        with haproxy(port, forwarded=True, server="source 127.0.0.9") as proxy:
            for last in range(3):
                address, peer = await seen(proxy.port, (XFF, f"1.2.3.{last}"))
                assert address == "127.0.0.1"
                assert peer.startswith("ipv4:127.0.0.9:")
            assert (await refusal(proxy.port, (XFF, "1.2.3.4")))[1] == "RATE_LIMITED"
