"""Where calls come from that proxies pass on."""

import ipaddress
import itertools
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.addresses.client_addresses import MAX_HOPS, ClientAddresses

PROXIES = ["10.0.0.0/8", "2001:db8:1::/48", "unix"]
PEER = "10.0.0.1"
XFF, FORWARDED = "x-forwarded-for", "forwarded"


def client(
    *values: Any, peer: str = PEER, header: Literal["x-forwarded-for", "forwarded"] = XFF
) -> str | None:
    metadata = [("te", "trailers"), *((header, value) for value in values), ("user-agent", "x")]
    return ClientAddresses(PROXIES, header).client(metadata, peer)


@pytest.mark.parametrize("header", [XFF, FORWARDED])
def test_a_stranger_is_not_asked(header: Any) -> None:
    assert client("1.2.3.4", "for=1.2.3.4", "garbage,", peer="9.9.9.9", header=header) == "9.9.9.9"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], PEER),
        (["1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
        (["6.6.6.6, 1.2.3.4", "10.0.0.2", "10.0.0.3,10.0.0.4"], "1.2.3.4"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ([""], PEER),
        ([" , ,"], PEER),
        ([",1.2.3.4, "], "1.2.3.4"),
        (["1.2.3.4:5678"], "1.2.3.4"),
        (["[2001:db8::1]:5678"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["2001:0DB8::0001"], "2001:db8::1"),
        (["::ffff:1.2.3.4"], "1.2.3.4"),
        (["1.2.3.4, 2001:db8:1::7"], "1.2.3.4"),
        (["garbage, 1.2.3.4"], "1.2.3.4"),
        (["garbage", "1.2.3.4"], "1.2.3.4"),
        (["garbage"], None),
        (["1.2.3.4, unknown"], None),
        (["1.2.3.4, unix"], None),
        (["1.2.3.4, 10.0.0.2, 1.2.3"], None),
        (["1.2.3.4:port"], None),
        (["1.2.3.4:123456"], None),
        (["[1.2.3.4]"], None),
        (["[2001:db8::1"], None),
        (["[2001:db8::1]x"], None),
        (["fe80::1%eth0"], None),
        (["1.2.3.4\0"], None),
        (["1.2.3.4\n"], None),
        (["\N{DIGIT ONE}.2.3.4", "1\N{ARABIC-INDIC DIGIT ONE}.2.3.4"], None),
        ([b"1.2.3.4"], None),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_not_trusted(values: Any, expected: Any) -> None:
    assert client(*values) == expected
    assert client(*values, peer="unix") == (expected if expected != PEER else "unix")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["for=1.2.3.4"], "1.2.3.4"),
        (['For="[2001:db8::1]:80";proto=http;by=10.0.0.1'], "2001:db8::1"),
        (["for=6.6.6.6, for=1.2.3.4;host=x, for=10.0.0.2"], "1.2.3.4"),
        (["for=6.6.6.6", "for=1.2.3.4"], "1.2.3.4"),
        (['for=6.6.6.6;by="a, for=7.7.7.7", for=1.2.3.4'], "1.2.3.4"),
        (['for="1.2.3.\\4"'], "1.2.3.4"),
        ([""], PEER),
        ([", for=1.2.3.4 ,"], "1.2.3.4"),
        (["garbage", "for=1.2.3.4"], "1.2.3.4"),
        (["garbage, for=1.2.3.4"], None),
        (['for=6.6.6.6;by=", for=1.2.3.4'], None),
        (['for=6.6.6.6;by=", for="[2001:db8::1]"'], None),
        (["for=6.6.6.6;for=1.2.3.4"], None),
        (["for=unknown"], None),
        (["for=_hidden"], None),
        (["proto=http"], None),
        (["for=1.2.3.4 x"], None),
        (["for=[2001:db8::1]"], None),
        (["for =1.2.3.4"], None),
    ],
)
def test_forwarded_is_read_as_rfc_7239_has_it(values: Any, expected: Any) -> None:
    assert client(*values, header=FORWARDED) == expected


def test_no_more_hops_are_trusted_than_are_bounded() -> None:
    def chain(count: int) -> str:
        return ", ".join(["1.2.3.4", *(f"10.0.1.{hop}" for hop in range(count))])

    assert client(chain(MAX_HOPS - 1)) == "1.2.3.4"
    assert client(chain(MAX_HOPS)) is None
    assert client(*chain(MAX_HOPS).split(", ")) is None
    assert client("," * 16_000) is None


def test_what_is_remembered_is_bounded_and_stays_right() -> None:
    clients = ClientAddresses(PROXIES, XFF)
    for high, low in itertools.product(range(40), range(250)):
        address = f"1.2.{high}.{low}"
        assert clients.client([(XFF, address)], PEER) == address
        assert clients.client([(XFF, address)], PEER) == address


addresses = st.ip_addresses()
networks = [ipaddress.ip_network(each) for each in PROXIES if each != "unix"]
hops = st.lists(
    addresses | st.sampled_from(networks).map(lambda network: network[5]),
    max_size=6,
)


@given(hops, st.booleans())
def test_hops_in_one_header_or_in_several_are_the_same(chain: Any, apart: bool) -> None:
    expected: Any = PEER
    for hop in reversed(chain):
        plain = getattr(hop, "ipv4_mapped", None) or hop
        expected = str(plain)
        if not any(plain in each for each in networks if each.version == plain.version):
            break
    texts = list(map(str, chain))
    found = client(*(texts if apart else [", ".join(texts)]))
    assert ipaddress.ip_address(str(found)) == ipaddress.ip_address(expected)


@given(st.text(max_size=60), st.sampled_from([XFF, FORWARDED]))
def test_whatever_is_written_the_nearest_client_of_an_appending_proxy_counts(
    written: str, header: Any
) -> None:
    """Or the call is refused: never does what the client wrote name another."""
    appended = "1.2.3.4" if header == XFF else "for=1.2.3.4"
    assert client(f"{written}, {appended}", header=header) in {"1.2.3.4", None}
    assert client(written, appended, header=header) == "1.2.3.4"
