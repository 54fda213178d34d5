"""What a supervisor holds for its workers, however often they are replaced."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from blrcs.assembly.scrapes import listen_for_scrapes
from blrcs.config.settings import Settings
from blrcs.supervisor.ports import ReservedPort
from blrcs.supervisor.steering import steer
from blrcs.transport.listening import listening_sockets
from blrcs.workers.handover import CACHE, LOCKS, MEMORY, PORT, SCRAPES, UNIX_SOCKET
from blrcs.workers.memory import SharedMemory, lay_out
from blrcs.workers.ports import PortUnavailableError, cache_socket, listen_on_path

Descriptor = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """The memory and the sockets.

    The native transport serves sockets that are handed to it. Each seat has its own, of one
    SO_REUSEPORT group, and whoever has the seat takes from their queue: a connection that the
    kernel has accepted is never lost with a worker. While nobody has it, others get the new ones,
    and one of them takes what waits.
    grpc's core opens its own on the reserved port.

    Attributes:
        common: What every process is told alike.
        ports: The sockets of each seat.
        shared: Those from which all workers take.
    """

    memory: SharedMemory
    common: Mapping[str, object]
    ports: Sequence[Sequence[socket.socket]]
    shared: Sequence[socket.socket]
    others: Sequence[Descriptor]
    cache: socket.socket | None

    @classmethod
    def open(
        cls, settings: Settings, count: int, stack: ExitStack, directory: Path, metrics_cells: int
    ) -> Self:
        """All of it; ``stack`` closes it.

        Raises:
            PortUnavailableError: An address cannot be had.
            SegmentUnavailableError: The memory cannot.
        """
        server = settings.server
        native = server.transport == "native"
        if server.uds is not None and not native:
            raise PortUnavailableError(
                "grpcio serves server.uds by one process: set server.workers to 1"
            )
        reserved = stack.enter_context(closing(ReservedPort.reserve(server.host, server.port)))
        ports = [
            _listening(f"[{server.host}]:{reserved.port}", stack) if native else []
            for _ in range(count)
        ]
        memory = lay_out(
            workers=count,
            limiter_cells=settings.guards.limiter_cells,
            max_concurrent_calls=server.max_concurrent_calls,
            metrics_cells=metrics_cells,
            cache_namespaces=settings.cache.max_namespaces,
        )
        others = [(MEMORY, memory.segment.memory), (LOCKS, memory.segment.locks)]
        shared: list[socket.socket] = []
        if server.uds is not None:
            shared = _listening(f"unix:{server.uds.absolute()}", stack)
            others += [(UNIX_SOCKET, each.fileno()) for each in shared]
        metrics_address = ""
        if settings.metrics.enabled:
            scrapes, metrics_address = listen_for_scrapes(settings.metrics)
            others += [(SCRAPES, stack.enter_context(each).fileno()) for each in scrapes]
        cache = None
        has_users = settings.services.builtin or settings.services.extra
        if has_users and settings.cache.backend == "memory":
            cache = stack.enter_context(listen_on_path(cache_socket(directory)))
        common = {
            "host": server.host,
            "port": reserved.port,
            "data_directory": str(directory),
            "metrics_address": metrics_address,
        }
        return cls(
            memory=memory, common=common, ports=ports, shared=shared, others=others, cache=cache
        )

    def steer(self, seats: Sequence[int]) -> None:
        """Has new connections go to these seats only, where it holds their sockets."""
        for group in zip(*self.ports, strict=True):
            steer(group, seats)

    def queue(self, seat: int) -> list[int]:
        """The sockets from whose queue the worker of a seat takes, where it holds them."""
        return [each.fileno() for each in self.ports[seat]]

    def close_ports(self) -> None:
        """Has connections refused, as soon as no worker listens any more either.

        Nobody can be started, steered or lent to afterwards.
        """
        for each in (*self.shared, *(each for group in self.ports for each in group)):
            each.close()

    def of_worker(self, seat: int) -> list[Descriptor]:
        """What the worker of a seat is given."""
        return [*self.others, *((PORT, each) for each in self.queue(seat))]

    def of_keeper(self) -> list[Descriptor]:
        """What the keeper of the cache is given; nothing where there is none."""
        if self.cache is None:
            return []
        segment = self.memory.segment
        return [(CACHE, self.cache.fileno()), (MEMORY, segment.memory), (LOCKS, segment.locks)]


def _listening(address: str, stack: ExitStack) -> list[socket.socket]:
    try:
        sockets = listening_sockets(address, reuse_port=True)
    except RuntimeError as error:
        raise PortUnavailableError(str(error)) from None
    for each in sockets:
        stack.enter_context(each)
    return sockets
