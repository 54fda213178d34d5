"""Addresses as grpc writes them, and sockets that listen on them."""

import contextlib
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

BACKLOG = 4096
MAX_PORT = 65_535
UNIX_SCHEMES = ("unix:", "unix-abstract:")


def listening_sockets(address: str, *, reuse_port: bool = False) -> list[socket.socket]:
    """Sockets that are bound and listen; several where a host name has several addresses.

    ``host:port``, ``[::]:port``, ``ipv4:...``, ``ipv6:...``, ``dns:...``, ``unix:path``,
    ``unix:///path`` or ``unix-abstract:name``. Port 0 takes one that is free, the same for all.

    Args:
        address: Where to listen.
        reuse_port: Whether other sockets may listen on the same port, to share its connections.

    Raises:
        RuntimeError: It is not an address, or cannot be listened on.
    """
    try:
        if address.startswith(UNIX_SCHEMES):
            return [_unix_socket(address)]
        return _inet_sockets(*_split(address), reuse_port=reuse_port)
    except OSError as error:
        raise RuntimeError(f"cannot listen on {address}: {error.strerror or error}") from None


@dataclass(frozen=True, slots=True)
class SocketPath:
    """The file that stands for a Unix socket, until somebody else's takes its place."""

    path: Path
    inode: int

    @classmethod
    def of(cls, listener: socket.socket) -> Self | None:
        """That of a socket, where it has one."""
        name = listener.getsockname()
        if listener.family != socket.AF_UNIX or not isinstance(name, str) or name.startswith("\0"):
            return None
        return cls(Path(name), Path(name).stat().st_ino)

    def remove(self) -> None:
        """Removes the file, unless it has gone, or is another socket's."""
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self.inode:
                self.path.unlink()


def port_of(sockets: list[socket.socket]) -> int:
    """The port that they listen on; 1 for a Unix socket, as grpc has it."""
    return int(sockets[0].getsockname()[1]) if sockets[0].family != socket.AF_UNIX else 1


def _split(address: str) -> tuple[str, int]:
    for scheme in ("ipv4:", "ipv6:", "dns:///", "dns:"):
        if address.startswith(scheme):
            address = address.removeprefix(scheme)
            break
    host, separator, port = address.rpartition(":")
    if (
        not separator
        or not port.isascii()
        or not port.isdigit()
        or len(port) > len(str(MAX_PORT))
        or int(port) > MAX_PORT
    ):
        raise RuntimeError(f"{address!r} is not an address: host:port is")
    return host.removeprefix("[").removesuffix("]") or "::", int(port)


def _inet_sockets(host: str, port: int, *, reuse_port: bool) -> list[socket.socket]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    with contextlib.ExitStack() as opened:
        for family, _, _, _, target in dict.fromkeys(found):
            bound = opened.enter_context(
                contextlib.closing(_inet_socket(family, target, port, reuse_port=reuse_port))
            )
            port = bound.getsockname()[1]
            sockets.append(bound)
        opened.pop_all()
    return sockets


def _inet_socket(
    family: socket.AddressFamily, target: tuple[object, ...], port: int, *, reuse_port: bool
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # The wildcard takes both families, as in grpc.
            wildcard = target[0] == "::"
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not wildcard))
        listener.bind((target[0], port, *target[2:]))
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - socket's own signature
    except BaseException:
        listener.close()
        raise
    return listener


def _unix_socket(address: str) -> socket.socket:
    scheme, _, name = address.partition(":")
    if scheme == "unix-abstract":
        name = "\0" + name
    else:
        name = name.removeprefix("//")
        _remove_stale(Path(name))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(name)
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - socket's own signature
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    """Removes the socket of a server that is gone; one that still listens stays."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
