"""Who accepts the connections that wait for a worker that is no more."""

from collections.abc import Callable, Mapping, Sequence

from blrcs.supervisor.process import WorkerProcess
from blrcs.workers.handover import Loan


class Loans:
    """Queues of seats without a worker, in the hands of those that have one.

    Args:
        queue: The descriptors of a seat's listening sockets; none where the supervisor has none.
    """

    def __init__(self, queue: Callable[[int], Sequence[int]]) -> None:
        self._queue = queue
        self._served: set[int] = set()
        self._holders: dict[int, WorkerProcess] = {}

    def settle(self, serving: Mapping[int, WorkerProcess]) -> None:
        """Lends what nobody serves any more, and takes back what its seat serves again.

        Args:
            serving: The processes that serve, by their seats.
        """
        self._served.update(serving)
        for seat in self._served:
            holder = self._holders.get(seat)
            if seat in serving:
                self._take_back(seat)
            elif serving and holder not in serving.values():
                # One that is late may go on.
                self._take_back(seat)
                self._lend(seat, serving[min(serving)])

    def _take_back(self, seat: int) -> None:
        holder = self._holders.pop(seat, None)
        if holder is not None:
            holder.lend(Loan(seat=seat, ends=True))

    def _lend(self, seat: int, holder: WorkerProcess) -> None:
        descriptors = self._queue(seat)
        if descriptors:
            self._holders[seat] = holder
            holder.lend(Loan(seat=seat, ends=False), descriptors)
