"""Addresses as grpc writes them, and sockets that listen on them."""

import contextlib
import enum
import errno
import logging
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

BACKLOG = 4096
MAX_PORT = 65_535
UNIX_SCHEMES = ("unix:", "unix-abstract:")
WILDCARD = "::"
FREE_PORT_ATTEMPTS = 16
ABSENT = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
Target = tuple[object, ...]

log = logging.getLogger("blrcs.transport")


class Use(enum.Enum):
    """What a socket is bound for."""

    LISTEN = "listen"
    SHARE = "share"
    """To listen beside others, which share the port's connections."""
    HOLD = "hold"
    """Never to listen: to keep the port for those that share it."""


def listening_sockets(address: str, *, reuse_port: bool = False) -> list[socket.socket]:
    """Sockets that are bound and listen; several where a host name has several addresses.

    ``host:port``, ``[::]:port``, ``ipv4:...``, ``ipv6:...``, ``dns:...``, ``unix:path``,
    ``unix:///path`` or ``unix-abstract:name``. Port 0 takes one that is free, the same for all.
    ``[::]`` is IPv4 too, and IPv4 alone on a machine without IPv6. Of the addresses of a name those
    that the machine does not have are passed over, and named in the log.

    Args:
        address: Where to listen.
        reuse_port: Whether other sockets may listen on the same port, to share its connections.

    Raises:
        RuntimeError: It is not an address, or cannot be listened on.
    """
    try:
        if address.startswith(UNIX_SCHEMES):
            return [_unix_socket(address)]
        return bound_sockets(*_split(address), Use.SHARE if reuse_port else Use.LISTEN)
    except OSError as error:
        raise RuntimeError(f"cannot listen on {address}: {error.strerror or error}") from error


def bound_sockets(host: str, port: int, use: Use) -> list[socket.socket]:
    """Sockets at all addresses of a host, all with one port; see listening_sockets.

    Args:
        host: A name or an address, without brackets; empty for the wildcard.
        port: 0 for one that is free at all addresses.
        use: Whether they listen. Others are refused where any socket has the port but, with
            ``SHARE``, those that share or hold it.

    Raises:
        OSError: The port cannot be had.
    """
    found = list(
        dict.fromkeys(
            (family, target)
            for family, _, _, _, target in socket.getaddrinfo(
                host or WILDCARD, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        )
    )
    # A port that is free at one address may be taken at the next.
    for _ in range(0 if port else FREE_PORT_ATTEMPTS):
        try:
            return _bound_sockets(found, port, use)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return _bound_sockets(found, port, use)


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
    return host.removeprefix("[").removesuffix("]"), int(port)


def _bound_sockets(
    found: Sequence[tuple[socket.AddressFamily, Target]], port: int, use: Use
) -> list[socket.socket]:
    """One for each address, but for those that the machine does not have, if it has another."""
    sockets: list[socket.socket] = []
    absent: list[tuple[object, OSError]] = []
    with contextlib.ExitStack() as opened:
        for family, target in found:
            try:
                bound = _inet_socket(family, target, port, use)
            except OSError as error:
                if error.errno not in ABSENT:
                    raise
                absent.append((target[0], error))
                continue
            opened.enter_context(contextlib.closing(bound))
            port = bound.getsockname()[1]
            sockets.append(bound)
        if absent and not sockets:
            raise absent[-1][1]
        for address, reason in absent if use is not Use.SHARE else ():
            log.warning("%s is not listened on: %s", address, reason.strerror)
        opened.pop_all()
    return sockets


def _inet_socket(
    family: socket.AddressFamily, target: Target, port: int, use: Use
) -> socket.socket:
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT or target[0] != WILDCARD:
            raise
        # Without IPv6 all addresses are those of IPv4, as in grpc.
        family, target = socket.AF_INET, ("0.0.0.0", port)  # noqa: S104 - as was asked for
        listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if use is Use.SHARE:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # The wildcard takes both families, as in grpc.
            wildcard = target[0] == WILDCARD
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not wildcard))
        listener.bind((target[0], port, *target[2:]))
        if use is Use.HOLD:
            # Only now, so that it was refused if any other process has the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            return listener
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
