"""Addresses that processes of one machine meet at."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class PortUnavailableError(Exception):
    """An address cannot be listened on. Its text is one line for a terminal."""

    @classmethod
    def at(cls, address: str, error: OSError, option: str) -> Self:
        """Says why, and by which option another address is chosen."""
        if error.errno == errno.EADDRINUSE:
            reason = f"it is in use; {option} chooses another"
        elif error.errno == errno.EADDRNOTAVAIL:
            reason = "it is not an address of this machine"
        else:
            reason = error.strerror or str(error)
        return cls(f"cannot listen on {address}: {reason}")


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
