"""A worker's side of its supervisor."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from blrcs.workers.handover import (
    LOCKS,
    MEMORY,
    SCRAPES,
    Administrator,
    Handover,
    Loan,
    Started,
)
from blrcs.workers.memory import SharedMemory
from blrcs.workers.segment import Segment

Borrow = Callable[[list[socket.socket]], Callable[[], None]]
"""Accepts from further listening sockets, until what it returns is called."""


class Worker:
    """One of the processes of a server.

    Attributes:
        handover: How it was started.
        memory: What it shares with the others.
        scrapes: The sockets on which ``/metrics`` is asked for, if any.
        listening: The sockets that it serves, by their kind; none where it has to make its own.
        is_succeeded: Whether it ends because another serves in its place.
    """

    def __init__(
        self,
        control: socket.socket,
        handover: Handover,
        memory: SharedMemory,
        scrapes: Sequence[socket.socket],
        listening: Mapping[str, list[socket.socket]],
    ) -> None:
        self._control = control
        self.handover = handover
        self.memory = memory
        self.scrapes = scrapes
        self.listening = listening
        self.is_succeeded = False
        self._borrow: Borrow | None = None
        self._borrowed: dict[int, Callable[[], None]] = {}

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
        scrapes = sockets.pop(SCRAPES, [])
        shared = SharedMemory(segment)
        shared.pulses.begin(segment.slots.own)
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
        """Tells the supervisor that calls are accepted, and from now on that the loop turns."""
        self.memory.pulses.keep(self.memory.segment.slots.own)
        started = Started(
            addresses=addresses,
            metrics_address=self.handover.metrics_address,
            administrator=administrator,
            reflection=reflection,
        )
        self._control.send(started.to_packet())

    def on_loan(self, borrow: Borrow) -> None:
        """What to do with the queue of a place that has no worker; to be said before `report`."""
        self._borrow = borrow

    def on_orphaned(self, call: Callable[[], object]) -> None:
        """Calls once the supervisor has gone. Belongs to the running loop."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            try:
                self._settle(*Loan.receive(self._control))
            except ConnectionError:
                loop.remove_reader(self._control)
                call()

        loop.add_reader(self._control, read)

    def _settle(self, loan: Loan, sockets: list[socket.socket]) -> None:
        if not loan.ends and self._borrow is not None:
            self._borrowed[loan.seat] = self._borrow(sockets)
        elif loan.seat in self._borrowed:
            self._borrowed.pop(loan.seat)()


def on_orphaned(control: socket.socket, call: Callable[[], object]) -> None:
    """Calls once the supervisor at the other end has gone. Belongs to the running loop."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        # It sends nothing: what can be read is its end.
        loop.remove_reader(control)
        call()

    loop.add_reader(control, read)
