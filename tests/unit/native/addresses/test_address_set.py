"""Sets of addresses, against the standard library's networks."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.addresses.address_set import AddressRules, AddressSet

V4, V6 = 2**32 - 1, 2**128 - 1
MAPPED = 0xFFFF << 32
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def near(edge: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(-2, 2).map(lambda step: min(max(edge + step, 0), most))


numbers4 = st.integers(0, V4) | st.sampled_from([0, 10 << 24, V4]).flatmap(lambda n: near(n, V4))
numbers6 = st.integers(0, V6) | st.sampled_from(
    [0, MAPPED, MAPPED | V4, V6, 0xFE80 << 112]
).flatmap(lambda n: near(n, V6))
addresses = numbers4.map(ipaddress.IPv4Address) | numbers6.map(ipaddress.IPv6Address)
networks = st.one_of(
    st.tuples(numbers4, st.integers(0, 32)).map(
        lambda pair: ipaddress.ip_network((pair[0] & (V4 << 32 - pair[1]) & V4, pair[1]))
    ),
    st.tuples(numbers6, st.integers(0, 128)).map(
        lambda pair: ipaddress.ip_network(
            (ipaddress.IPv6Address(pair[0] & (V6 << 128 - pair[1]) & V6), pair[1])
        )
    ),
)


def plain(address: Address) -> Address:
    """An IPv4 address where it is one."""
    return getattr(address, "ipv4_mapped", None) or address


def holds(network: Network, address: Address) -> bool:
    """The model: an IPv4 address is in what maps it, and in no wider network of IPv6."""
    address = plain(address)
    if address.version == network.version:
        return address in network
    if address.version == 4 and network.subnet_of(ipaddress.ip_network("::ffff:0:0/96")):
        return ipaddress.IPv6Address(MAPPED | int(address)) in network
    return False


@given(st.lists(networks, max_size=6), st.lists(addresses, min_size=1, max_size=6))
def test_a_set_holds_what_its_networks_hold(among: list[Network], asked: list[Address]) -> None:
    made = AddressSet(map(str, among))
    edges = [network[0] for network in among] + [network[-1] for network in among]
    for address in asked + edges:
        expected = any(holds(network, address) for network in among)
        assert (str(address) in made) is expected
        assert (str(address) in made) is expected  # once remembered, too
        if plain(address).version == 4:
            assert (f"::ffff:{plain(address)}" in made) is expected


@pytest.mark.parametrize(
    ("text", "address", "held"),
    [
        ("::/0", "10.0.0.1", False),
        ("::/0", "::ffff:10.0.0.1", False),
        ("::/0", "::1", True),
        ("0.0.0.0/0", "::ffff:10.0.0.1", True),
        ("::ffff:10.0.0.0/104", "10.255.0.1", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("unix", "unix", True),
        ("unix", "in-process", True),
        ("unix", "127.0.0.1", False),
        ("0.0.0.0/0", "unix", False),
        ("0.0.0.0/0", "", False),
        ("0.0.0.0/0", "1.2.3.4\0", False),
        ("0.0.0.0/0", "1.2.3.4 ", False),
        ("0.0.0.0/0", "01.2.3.4", False),
        ("0.0.0.0/0", "1.2.3", False),
        ("0.0.0.0/0", "1" * 300, False),
    ],
)
def test_what_is_the_same_address_and_what_is_none(text: str, address: str, held: bool) -> None:
    assert (address in AddressSet([text])) is held


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "host", "1.2.3.4/", "UNIX"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        AddressSet([text])


def test_what_is_denied_is_refused_even_if_allowed() -> None:
    rules = AddressRules(allow=["10.0.0.0/8", "unix"], deny=["10.1.0.0/16"])
    admitted = [a for a in ("10.0.0.1", "10.1.0.1", "11.0.0.1", "unix") if rules.admits(a)]
    assert admitted == ["10.0.0.1", "unix"]


def test_without_an_allowance_all_are_served_that_are_not_denied() -> None:
    rules = AddressRules(deny=["10.1.0.0/16", "unix"])
    admitted = [a for a in ("10.0.0.1", "10.1.0.1", "::1", "unix") if rules.admits(a)]
    assert admitted == ["10.0.0.1", "::1"]
    assert AddressRules().admits("unix")


def test_an_allowance_of_addresses_refuses_peers_without_one() -> None:
    assert not AddressRules(allow=["0.0.0.0/0", "::/0"]).admits("unix")


def test_many_addresses_are_told_apart_by_value() -> None:
    """More than are remembered, each as a text of its own."""
    rules = AddressSet(["10.0.0.0/25"])
    for _ in range(3):
        found = [f"10.0.0.{last}" in rules for last in range(256)]
        assert found == [True] * 128 + [False] * 128
