"""Addresses as grpc writes them, on real sockets."""

import socket
from pathlib import Path

import pytest

from blrcs.transport.listening import listening_sockets, port_of


def closed(sockets: list[socket.socket]) -> list[socket.AddressFamily]:
    families = [each.family for each in sockets]
    for each in sockets:
        each.close()
    return families


@pytest.mark.parametrize("address", ["127.0.0.1:0", "ipv4:127.0.0.1:0", "dns:127.0.0.1:0"])
def test_a_free_port_is_taken(address: str) -> None:
    sockets = listening_sockets(address)
    assert port_of(sockets) > 0
    assert closed(sockets) == [socket.AF_INET]


@pytest.mark.parametrize("address", ["[::]:0", ":::0", "ipv6:[::]:0", ":0"])
def test_the_wildcard_takes_both_families(address: str) -> None:
    sockets = listening_sockets(address)
    with socket.create_connection(("127.0.0.1", port_of(sockets))):
        pass
    closed(sockets)


def test_all_addresses_of_a_name_have_one_port() -> None:
    sockets = listening_sockets("localhost:0")
    assert len({each.getsockname()[1] for each in sockets}) == 1
    closed(sockets)


def test_a_port_is_shared_only_where_all_agree() -> None:
    first = listening_sockets("127.0.0.1:0", reuse_port=True)
    address = f"127.0.0.1:{port_of(first)}"
    second = listening_sockets(address, reuse_port=True)
    with pytest.raises(RuntimeError, match="cannot listen on"):
        listening_sockets(address)
    closed(first + second)


@pytest.mark.parametrize("form", ["unix:{}", "unix://{}"])
def test_unix_sockets(tmp_path: Path, form: str) -> None:
    path = tmp_path / "socket"
    sockets = listening_sockets(form.format(path))
    assert port_of(sockets) == 1
    with pytest.raises(RuntimeError, match="cannot listen on"):
        listening_sockets(form.format(path))
    closed(sockets)
    # What a server that is gone has left is no obstacle.
    closed(listening_sockets(form.format(path)))


def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("kept")
    with pytest.raises(RuntimeError, match="cannot listen on"):
        listening_sockets(f"unix:{path}")
    assert path.read_text() == "kept"


def test_an_abstract_unix_socket(tmp_path: Path) -> None:
    sockets = listening_sockets(f"unix-abstract:{tmp_path}")
    assert sockets[0].getsockname() == b"\0" + str(tmp_path).encode()
    closed(sockets)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:\u0663",
        "127.0.0.1:-1",
        "127.0.0.1:70000",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(RuntimeError, match="is not an address"):
        listening_sockets(address)
