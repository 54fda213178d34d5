"""The addresses of a server, kept for its workers."""

import socket
from typing import Self

from blrcs.domain.host import bracketed
from blrcs.transport.listening import Use, bound_sockets, port_of
from blrcs.workers.ports import PortUnavailableError


class ReservedPort:
    """A port that this process holds and the workers listen on, each by a socket of its own.

    It is bound and never listens, so that no connection comes to it. Whoever else wants the port is
    refused while it is held, whether workers live or not.
    """

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.port = port_of(sockets)
        self._sockets = sockets

    @classmethod
    def reserve(cls, host: str, port: int) -> Self:
        """Holds a port on all addresses of a host; a free one for 0.

        Raises:
            PortUnavailableError: Somebody has it, or the host is none of this machine.
        """
        try:
            return cls(bound_sockets(host, port, Use.HOLD))
        except OSError as error:
            raise PortUnavailableError.at(
                f"{bracketed(host)}:{port}", error, "--port, or server.port,"
            ) from None

    def close(self) -> None:
        """Lets the port go."""
        for held in self._sockets:
            held.close()
