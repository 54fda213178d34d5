"""The addresses of a server, kept for its workers."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class PortUnavailableError(Exception):
    """An address cannot be listened on. Its text is one line for a terminal."""


class ReservedPort:
    """A port that this process holds and the workers listen on, each by a socket of its own.

    It is bound and never listens, so that no connection comes to it. Whoever else wants the port is
    refused while it is held, whether workers live or not.
    """

    def __init__(self, port: int, sockets: list[socket.socket]) -> None:
        self.port = port
        self._sockets = sockets

    @classmethod
    def reserve(cls, host: str, port: int) -> Self:
        """Holds a port on all addresses of a host; a free one for 0.

        Raises:
            PortUnavailableError: Somebody has it, or the host is none of this machine.
        """
        sockets: list[socket.socket] = []
        try:
            for family, address in _addresses(host):
                held = socket.socket(family, socket.SOCK_STREAM)
                sockets.append(held)
                # As servers do, so that connections of one that has ended do not count.
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    # The wildcard takes both families, as in grpc.
                    held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address != "::"))
                held.bind((address, port))
                port = held.getsockname()[1]
                # Only now, so that it was refused if any other process has the port.
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError:
            for held in sockets:
                held.close()
            named = f"[{host}]" if ":" in host else host
            raise PortUnavailableError(
                f"cannot listen on {named}:{port}: it is in use, or not an address of this machine"
            ) from None
        return cls(port, sockets)

    def close(self) -> None:
        """Lets the port go."""
        for held in self._sockets:
            held.close()


def listen(host: str, port: int, *, purpose: str) -> socket.socket:
    """A socket that listens, for several processes to accept from.

    Raises:
        PortUnavailableError: The address cannot be had.
    """
    try:
        family, address = _addresses(host)[0]
        return socket.create_server((address, port), family=family, backlog=128)
    except OSError as error:
        raise PortUnavailableError(
            f"cannot listen on {host}:{port} for {purpose}: {os.strerror(error.errno or 0)}"
        ) from None


def cache_socket(data_directory: Path) -> Path:
    """Where the cache's keeper is asked; only the directory's owner gets there."""
    return data_directory / "cache.sock"


def listen_on_path(path: Path) -> socket.socket:
    """A Unix socket that listens, in a directory that this process holds.

    Raises:
        PortUnavailableError: It cannot be made.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)  # of an earlier server, which nobody listens on
        with reachable(path) as name:
            listening.bind(name)
        path.chmod(0o600)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise PortUnavailableError(f"cannot listen on {path}: {error.strerror}") from None
    return listening


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name for a socket's path that is short enough for the kernel, however long the path is."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, *_, address in found))
