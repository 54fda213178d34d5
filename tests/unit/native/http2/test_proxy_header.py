"""The PROXY protocol's header: every way that it can be cut, and every way to be wrong."""

import ipaddress
import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.http2.proxy_header import MAX_BYTES, ProxyHeader
from tests.proxy_headers import (
    CHECKSUM,
    LOCAL,
    PROXY,
    SIGNATURE,
    TCP4,
    TCP6,
    UDP4,
    UNIX,
    UNSPECIFIED,
    attribute,
    client_header,
    crc32c,
    header,
)

BLOCK4 = bytes([1, 2, 3, 4, 5, 6, 7, 8]) + struct.pack(">HH", 1, 2)
AFTER = b"PRI * HTTP/2.0"


def outcome(sent: bytes, *cuts: int) -> Any:
    """The address, ``incomplete`` or ``broken``, and what is left for those behind it."""
    taking = ProxyHeader()
    edges = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    rest = b""
    for start, end in pairwise(edges):
        if taking.complete or taking.broken:
            rest += sent[start:end]
            continue
        used = taking.feed(sent[start:end])
        rest += sent[start + used : end]
    if taking.broken:
        return "broken", None
    return (taking.address if taking.complete else "incomplete"), rest


@pytest.mark.parametrize("client", ["1.2.3.4", "2001:db8::1", "unix"])
def test_it_is_read_however_it_is_cut(client: str) -> None:
    sent = client_header(client, attribute(0x04, b"filler"), checksum=True) + AFTER
    for cut in range(len(sent) + 1):
        assert outcome(sent, cut) == (client, AFTER)
    assert outcome(sent, *range(len(sent))) == (client, AFTER)


@given(
    st.ip_addresses(),
    st.lists(st.tuples(st.integers(4, 255), st.binary(max_size=40)), max_size=5),
    st.booleans(),
    st.binary(max_size=40),
    st.lists(st.integers(0, 700), max_size=4),
)
def test_whatever_follows_the_address_it_is_found(
    client: Any, attributes: Any, checksum: bool, after: bytes, cuts: list[int]
) -> None:
    tail = b"".join(attribute(kind, value) for kind, value in attributes)
    sent = client_header(str(client), tail, checksum=checksum)
    address, rest = outcome(sent + after, *cuts)
    assert ipaddress.ip_address(address) == (getattr(client, "ipv4_mapped", None) or client)
    assert rest == after
    assert outcome(sent[:-1], *cuts)[0] == "incomplete"


@given(st.binary(max_size=600), st.lists(st.integers(0, 600), max_size=3))
def test_whatever_comes_it_ends_in_one_state_however_it_is_cut(sent: bytes, cuts: Any) -> None:
    for octets in (sent, SIGNATURE + sent, SIGNATURE + b"\x21" + sent):
        assert outcome(octets, *cuts) == outcome(octets)


@given(st.data())
def test_a_checksum_tells_of_any_octet_that_was_changed(data: Any) -> None:
    """But for the one that says that it is a checksum."""
    sent = bytearray(client_header("1.2.3.4", checksum=True))
    at = data.draw(st.integers(0, len(sent) - 1).filter(lambda at: at != len(sent) - 7))
    sent[at] ^= data.draw(st.integers(1, 255))
    assert outcome(bytes(sent))[0] != "1.2.3.4"


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_a_proxy_speaks_for_itself() -> None:
    assert outcome(header(b"", command=LOCAL, kind=UNSPECIFIED) + AFTER) == (None, AFTER)
    assert outcome(header(b"anything", command=LOCAL, kind=0xFF) + AFTER) == (None, AFTER)
    assert outcome(header(b"", kind=UNSPECIFIED) + AFTER) == (None, AFTER)


def test_an_address_of_ipv4_mapped_into_ipv6_is_one_of_ipv4() -> None:
    assert outcome(client_header("::ffff:1.2.3.4"))[0] == "1.2.3.4"


@pytest.mark.parametrize(
    "sent",
    [
        b"G",
        AFTER,
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"\r\n\r\n\r",
        SIGNATURE + b"\x11",
        SIGNATURE + b"\x31",
        SIGNATURE + b"\x22",
        SIGNATURE + b"\x2f",
        header(BLOCK4, kind=UDP4),
        header(BLOCK4, kind=0x10),
        header(BLOCK4, kind=0x01),
        header(BLOCK4, kind=0x41),
        header(BLOCK4[:-1]),
        header(BLOCK4, kind=TCP6),
        header(BLOCK4, kind=UNIX),
        header(b""),
        header(BLOCK4, tail=b"\x04"),
        header(BLOCK4, tail=b"\x04\x00"),
        header(BLOCK4, tail=b"\x04\x00\x01"),
        header(BLOCK4, tail=attribute(4, b"") + b"\x04\xff\xff"),
        header(BLOCK4, tail=attribute(CHECKSUM, b"")),
        header(BLOCK4, tail=attribute(CHECKSUM, bytes(4))),
        header(BLOCK4, tail=attribute(CHECKSUM, bytes(5))),
        SIGNATURE + struct.pack(">BBH", PROXY, TCP4, MAX_BYTES + 1),
        SIGNATURE + struct.pack(">BBH", LOCAL, UNSPECIFIED, 0xFFFF),
    ],
)
def test_what_is_malformed_is_broken_as_soon_as_it_can_be_told(sent: bytes) -> None:
    assert outcome(sent)[0] == "broken"
    assert outcome(sent, *range(len(sent)))[0] == "broken"


def test_the_longest_is_read() -> None:
    room = MAX_BYTES - len(BLOCK4) - 3
    assert outcome(client_header("1.2.3.4", attribute(4, bytes(room))) + AFTER) == (
        "1.2.3.4",
        AFTER,
    )
    assert outcome(client_header("1.2.3.4", attribute(4, bytes(room + 1))))[0] == "broken"
