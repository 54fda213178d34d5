"""What a supervisor hands to a worker, and what the worker answers: packets over a socket.

The socket (AF_UNIX, SOCK_SEQPACKET) keeps packets whole. That it is open tells the worker that its
supervisor lives.
"""

import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import orjson

from blrcs.config.loading import LoadedSettings

MAX_PACKET_BYTES = 128 * 1024
MAX_DESCRIPTORS = 64

MEMORY, LOCKS, SCRAPES, CACHE = "memory", "locks", "scrapes", "cache"
SUCCEEDED = signal.SIGUSR2
"""Has a worker end because another serves in its place."""
RELEASED = signal.SIGUSR2
"""Has the keeper of the cache end, since no worker needs it any more."""
STACKS = signal.SIGUSR1
"""Has a process write to standard error where each of its threads is."""
PORT, UNIX_SOCKET = "port", "unix_socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """How to start.

    Attributes:
        config_directory: As the supervisor's argument.
        config_file: Likewise.
        flags: Likewise: values by key.
        host: Where to listen; what the configuration says meanwhile waits for the next start.
        port: Likewise.
        data_directory: Likewise; the supervisor holds it.
        metrics_address: Where the supervisor listens for scrapes; empty where it does not.
        passed: What the descriptors are that come with it, in their order.
        first: Whether no other worker has started yet: it migrates, and makes the administrator.
    """

    config_directory: str | None
    config_file: str | None
    flags: Mapping[str, Any]
    host: str
    port: int
    data_directory: str
    metrics_address: str
    passed: Sequence[str]
    first: bool

    def send(self, control: socket.socket, descriptors: Sequence[int]) -> None:
        """Sends it with the descriptors that it names."""
        socket.send_fds(control, [orjson.dumps(asdict(self))], descriptors)

    @classmethod
    def receive(cls, control: socket.socket) -> tuple[Self, dict[str, list[int]]]:
        """The handover, and the descriptors by what they are.

        Raises:
            ConnectionError: The supervisor has gone.
        """
        packet, descriptors, _, _ = socket.recv_fds(control, MAX_PACKET_BYTES, MAX_DESCRIPTORS)
        if not packet:
            raise ConnectionError("the supervisor has gone")
        handover = cls(**orjson.loads(packet))
        named: dict[str, list[int]] = {}
        for name, descriptor in zip(handover.passed, descriptors, strict=True):
            named.setdefault(name, []).append(descriptor)
        return handover, named

    def pinned(self, loaded: LoadedSettings) -> LoadedSettings:
        """The settings with what only a restart of the supervisor can change."""
        settings = loaded.settings
        server = settings.server.model_copy(update={"host": self.host, "port": self.port})
        settings = settings.model_copy(
            update={"server": server, "data_directory": Path(self.data_directory)}
        )
        return replace(loaded, settings=settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """The queue of a place that no worker has, lent to the worker of another; or its end.

    Attributes:
        seat: Whose queue it is.
        ends: Whether it is taken back. Else its listening sockets come with it.
    """

    seat: int
    ends: bool

    def send(self, control: socket.socket, descriptors: Sequence[int] = ()) -> None:
        """Sends it with the descriptors of the sockets."""
        socket.send_fds(control, [orjson.dumps(asdict(self))], descriptors)

    @classmethod
    def receive(cls, control: socket.socket) -> tuple[Self, list[socket.socket]]:
        """The loan, and the sockets.

        Raises:
            ConnectionError: The supervisor has gone.
        """
        packet, descriptors, _, _ = socket.recv_fds(control, MAX_PACKET_BYTES, MAX_DESCRIPTORS)
        if not packet:
            raise ConnectionError("the supervisor has gone")
        sockets = [socket.socket(fileno=each) for each in descriptors]
        return cls(**orjson.loads(packet)), sockets


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """The administrator whom the first worker made."""

    user_id: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process does what it is there for; a worker accepts calls.

    Attributes:
        addresses: Where, with what protects it.
        metrics_address: Where ``/metrics`` is; empty where it is off.
        administrator: Made by this start.
        reflection: Whether the server describes its services.
    """

    addresses: Sequence[str] = ()
    metrics_address: str = ""
    administrator: Administrator | None = None
    reflection: bool = False

    def to_packet(self) -> bytes:
        """As it is sent."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_packet(cls, packet: bytes) -> Self:
        """What was sent."""
        values = orjson.loads(packet)
        made = values.pop("administrator")
        administrator = None if made is None else Administrator(**made)
        return cls(administrator=administrator, **values)
