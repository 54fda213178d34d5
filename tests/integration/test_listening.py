"""Addresses as grpc writes them, on real sockets."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from blrcs.assembly.scrapes import listen_for_scrapes
from blrcs.config.observability import Metrics
from blrcs.supervisor.ports import ReservedPort
from blrcs.transport import listening
from blrcs.transport.listening import listening_sockets, port_of
from blrcs.workers.ports import PortUnavailableError

HERE = Path(__file__).parent


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


def resolved(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Has names lead to these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize(
    "take",
    [
        lambda: listening_sockets("name:0"),
        lambda: ReservedPort.reserve("name", 0)._sockets,
        lambda: listen_for_scrapes(Metrics(host="name", port=0))[0],
    ],
    ids=["listening", "reserved", "metrics"],
)
def test_a_free_port_is_free_at_all_addresses_of_a_name(
    monkeypatch: pytest.MonkeyPatch, take: Callable[[], list[socket.socket]]
) -> None:
    bind = listening._inet_socket
    others: list[socket.socket] = []

    def bound(*arguments: object) -> socket.socket:
        """Where another process is quicker at the second address, at first."""
        found: socket.socket = bind(*arguments)  # type: ignore[arg-type]
        if not others:
            others.append(socket.create_server(("127.0.0.2", found.getsockname()[1])))
        return found

    resolved(monkeypatch, "127.0.0.1", "127.0.0.2")
    monkeypatch.setattr(listening, "_inet_socket", bound)
    sockets = take()
    assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1", "127.0.0.2"]
    assert len({each.getsockname()[1] for each in sockets}) == 1
    assert port_of(sockets) != port_of(others)
    closed(sockets + others)


def test_addresses_that_the_machine_does_not_have_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resolved(monkeypatch, "192.0.2.1", "127.0.0.1")
    sockets = listening_sockets("name:0")
    assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1"]
    assert [each.getMessage() for each in caplog.records] == [
        "192.0.2.1 is not listened on: Cannot assign requested address"
    ]
    closed(sockets)
    resolved(monkeypatch, "192.0.2.1")
    caplog.clear()
    with pytest.raises(RuntimeError, match="cannot listen on name:0: Cannot assign"):
        listening_sockets("name:0")
    # The error says it.
    assert caplog.records == []


def test_workers_share_a_reserved_port_at_the_addresses_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved(monkeypatch, "127.0.0.1", "192.0.2.1", "127.0.0.2")
    with closing(ReservedPort.reserve("name", 0)) as reserved:
        address = f"name:{reserved.port}"
        shared = [listening_sockets(address, reuse_port=True) for _ in range(2)]
        for sockets in shared:
            assert [each.getsockname() for each in sockets] == [
                ("127.0.0.1", reserved.port),
                ("127.0.0.2", reserved.port),
            ]
        with pytest.raises(PortUnavailableError, match="cannot listen on name:"):
            ReservedPort.reserve("name", reserved.port)
        for sockets in shared:
            closed(sockets)


def test_scrapes_are_listened_for_at_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved(monkeypatch, "192.0.2.1", "127.0.0.1", "127.0.0.2")
    sockets, address = listen_for_scrapes(Metrics(host="name", port=0))
    assert address == f"http://name:{port_of(sockets)}/metrics"
    assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1", "127.0.0.2"]
    closed(sockets)


def test_scrapes_are_listened_for_on_the_loopback_alone_by_default() -> None:
    sockets, _ = listen_for_scrapes(Metrics(port=0))
    assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1"]
    closed(sockets)


def test_a_port_that_is_taken_at_one_of_several_addresses_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved(monkeypatch, "127.0.0.1", "127.0.0.2")
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"cannot listen on name:{port}: Address already"):
            listening_sockets(f"name:{port}")


@pytest.mark.parametrize("transport", ["native", "grpcio"])
def test_without_ipv6_the_wildcard_is_that_of_ipv4(tmp_path: Path, transport: str) -> None:
    library = tmp_path / "without_ipv6.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", library, HERE / "without_ipv6.c", "-ldl"], check=True
    )
    told = subprocess.run(
        [sys.executable, HERE / "listening_without_ipv6.py", transport],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert told.stdout.splitlines() == ["[::]:0 hello", "[::1]:0 refused"]


def test_without_ipv6_a_port_of_the_wildcard_is_reserved(tmp_path: Path) -> None:
    library = tmp_path / "without_ipv6.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", library, HERE / "without_ipv6.c", "-ldl"], check=True
    )
    held = (
        "from blrcs.assembly.scrapes import listen_for_scrapes\n"
        "from blrcs.config.observability import Metrics\n"
        "from blrcs.supervisor.ports import ReservedPort\n"
        "from blrcs.transport.listening import listening_sockets, port_of\n"
        "port = ReservedPort.reserve('::', 0).port\n"
        "shared = [listening_sockets(f'[::]:{port}', reuse_port=True) for _ in range(2)]\n"
        "print({port_of(each) for each in shared} == {port})\n"
        "scrapes, address = listen_for_scrapes(Metrics(host='::', port=0))\n"
        "print(len(scrapes), address == f'http://[::]:{port_of(scrapes)}/metrics')\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", held],
        check=False,
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.stdout == "True\n1 True\n", told.stderr


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
