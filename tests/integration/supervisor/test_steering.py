"""Whom the kernel gives new connections."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from blrcs.supervisor.steering import steer
from blrcs.transport.listening import listening_sockets, port_of

SEATS = 4
CONNECTIONS = 200


@pytest.fixture(params=["127.0.0.1", "[::1]"])
def group(request: pytest.FixtureRequest) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        port = 0
        for _ in range(SEATS):
            sockets += listening_sockets(f"{request.param}:{port}", reuse_port=True)
            stack.enter_context(sockets[-1])
            port = port_of(sockets)
        yield sockets


def connect(group: Sequence[socket.socket]) -> list[socket.socket]:
    address = group[0].getsockname()[:2]
    return [socket.create_connection(address) for _ in range(CONNECTIONS)]


def taken(group: Sequence[socket.socket]) -> list[int]:
    """How many connections each socket has been given."""
    counts = []
    for each in group:
        count = 0
        while True:
            try:
                each.accept()[0].close()
            except BlockingIOError:
                break
            count += 1
        counts.append(count)
    return counts


def given(group: Sequence[socket.socket]) -> set[int]:
    """The places that get new connections; nobody else's are lost."""
    clients = connect(group)
    counts = taken(group)
    assert sum(counts) == CONNECTIONS
    for client in clients:
        client.close()
    return {place for place, count in enumerate(counts) if count}


@pytest.mark.parametrize("places", [[0, 2, 3], [1], [3], [0, 1]])
def test_only_those_that_are_named_are_given_connections(
    group: list[socket.socket], places: list[int]
) -> None:
    steer(group, places)
    assert given(group) == set(places)


def test_the_last_word_counts(group: list[socket.socket]) -> None:
    steer(group, [0, 1])
    steer(group, [2])
    assert given(group) == {2}


@pytest.mark.parametrize("places", [[], [0, 1, 2, 3]])
def test_with_all_or_none_the_kernel_chooses(group: list[socket.socket], places: list[int]) -> None:
    steer(group, places)
    assert given(group) == {0, 1, 2, 3}
    steer(group, [0])
    steer(group, places)
    assert given(group) == {0, 1, 2, 3}


def test_those_that_wait_stay_where_they_are(group: list[socket.socket]) -> None:
    steer(group, [1])
    clients = connect(group)
    steer(group, [2])
    assert taken(group) == [0, CONNECTIONS, 0, 0]
    for client in clients:
        client.close()
