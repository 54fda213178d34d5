"""A worker's side of its supervisor."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Self

from blrcs.workers.handover import LOCKS, MEMORY, SCRAPES, Administrator, Handover, Started
from blrcs.workers.memory import SharedMemory
from blrcs.workers.segment import Segment


class Worker:
    """One of the processes of a server.

    Attributes:
        handover: How it was started.
        memory: What it shares with the others.
        scrapes: The socket on which ``/metrics`` is asked for, if any.
        listening: The sockets that it serves, by their kind; none where it has to make its own.
    """

    def __init__(
        self,
        control: socket.socket,
        handover: Handover,
        memory: SharedMemory,
        scrapes: socket.socket | None,
        listening: Mapping[str, list[socket.socket]],
    ) -> None:
        self._control = control
        self.handover = handover
        self.memory = memory
        self.scrapes = scrapes
        self.listening = listening

    @classmethod
    def join(cls, control: socket.socket) -> Self:
        """Takes what the supervisor hands over, and a place among the workers.

        Raises:
            ConnectionError: The supervisor has gone.
        """
        handover, passed = Handover.receive(control)
        (memory,), (locks,) = passed.pop(MEMORY), passed.pop(LOCKS)
        segment = Segment(memory, locks)
        segment.slots.take()
        sockets = {
            name: [socket.socket(fileno=each) for each in descriptors]
            for name, descriptors in passed.items()
        }
        scrapes = next(iter(sockets.pop(SCRAPES, ())), None)
        shared = SharedMemory(segment)
        shared.note_process()
        return cls(control, handover, shared, scrapes, sockets)

    @property
    def first(self) -> bool:
        """Whether it does what is done once: migration, the first administrator."""
        return self.handover.first

    def leads(self) -> bool:
        """Whether it does what one alone has to do now and then; see WorkerSlots.lead."""
        return self.memory.segment.slots.lead()

    def report(
        self,
        *,
        addresses: tuple[str, ...],
        administrator: Administrator | None,
        reflection: bool,
    ) -> None:
        """Tells the supervisor that calls are accepted."""
        started = Started(
            addresses=addresses,
            metrics_address=self.handover.metrics_address,
            administrator=administrator,
            reflection=reflection,
        )
        self._control.send(started.to_packet())

    def on_orphaned(self, call: Callable[[], object]) -> None:
        """Calls once the supervisor has gone. Belongs to the running loop."""
        on_orphaned(self._control, call)


def on_orphaned(control: socket.socket, call: Callable[[], object]) -> None:
    """Calls once the supervisor at the other end has gone. Belongs to the running loop."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        # It sends nothing any more: what can be read is its end.
        loop.remove_reader(control)
        call()

    loop.add_reader(control, read)
