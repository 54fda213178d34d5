"""What pays for proofs of keys that come to nothing: the address that they come from."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from blrcs.domain.address_block import address_block
from blrcs_native.limits.limiter import Limiter, Rule

NS_PER_S = 1_000_000_000
PERIOD_NS = 10 * 60 * NS_PER_S
WAITING = 4
"""So many times as many as may run of an address at a moment may wait for their turn."""
MAX_WAIT_S = 10.0
LOOK_S = 0.25
"""How often a worker looks for what has come back by other ways than the end of its own calls."""


class ProofPayments:
    """Says whether one more proof may be verified, for an address.

    A signature costs its forger nothing, and a stranger's own key signs as well as any. So each
    proof is paid for before it is looked at, and what it cost is given back when the call has come
    to something: an honest caller pays nothing in the end, but counts while the call runs. Who
    comes meanwhile waits until one of those has come to something, or enough has come back in
    time; what has failed bounds all who share an address. Belongs to the event loop.

    Args:
        limiter: Counts, for all workers.
        per_address: So many may come to nothing in ten minutes, of an address or a /64.
        max_wait_s: Who has waited so long is refused.
    """

    def __init__(
        self, limiter: Limiter, per_address: int, *, max_wait_s: float = MAX_WAIT_S
    ) -> None:
        self._limiter = limiter
        self._rule = Rule("gcra", per_address, PERIOD_NS, identity="failed-proofs")
        self._max_wait_s = max_wait_s
        self._max_waiting = WAITING * per_address
        self._running: dict[str, _Running] = {}
        self.retry_after_ns = -(-PERIOD_NS // per_address)

    def take(self, address: str, key: str) -> bool:
        """Whether there is enough; ``key`` is one that a good token says that it is bound to.

        What is sent with that is counted apart from what else comes from there.
        """
        return self._consume(_payer(address, key))

    def give_back(self, address: str, key: str = "") -> None:
        """It has come to something."""
        payer = _payer(address, key)
        self._limiter.refund(self._rule, payer)
        # Where calls without a token wait, it is the first one's before anybody else can come.
        if (running := self._running.get(payer)) is not None:
            self._serve(payer, running)

    async def turn(self, address: str) -> bool:
        """Whether there is enough for a call without a token, which then runs until ``ended``.

        While other calls of the address run on this worker it waits, in the order of coming, for
        what is given back or comes back in time.
        """
        payer = _payer(address, "")
        running = self._running.get(payer)
        if (running is None or not running.waiting) and self._consume(payer):
            self._running.setdefault(payer, _Running()).count += 1
            return True
        if running is None or len(running.waiting) >= self._max_waiting:
            return False
        waiter = self._queued(payer, running)
        try:
            return await waiter.may_run
        except asyncio.CancelledError:
            if waiter in running.waiting:
                running.waiting.remove(waiter)
            elif waiter.runs:
                self.give_back(address)
                self.ended(address)
            raise

    def ended(self, address: str) -> None:
        """One of those that ``turn`` has let run has ended, in whatever way."""
        payer = _payer(address, "")
        running = self._running[payer]
        running.count -= 1
        self._serve(payer, running)
        if not running.count:
            # Nobody is left for whom the others could wait.
            del self._running[payer]
            while running.waiting:
                running.waiting.popleft().answer(may_run=False)

    def _consume(self, payer: str) -> bool:
        return self._limiter.consume(self._rule, payer).allowed

    def _queued(self, payer: str, running: "_Running") -> "_Waiter":
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), loop.time() + self._max_wait_s)
        running.waiting.append(waiter)
        if not running.is_watched:
            running.is_watched = True
            loop.call_later(LOOK_S, self._look, payer, running)
        return waiter

    def _look(self, payer: str, running: "_Running") -> None:
        """Serves what came back in time or on other workers, and refuses who has waited enough."""
        loop = asyncio.get_running_loop()
        self._serve(payer, running)
        while running.waiting and running.waiting[0].until <= loop.time():
            running.waiting.popleft().answer(may_run=False)
        running.is_watched = bool(running.waiting)
        if running.is_watched:
            loop.call_later(LOOK_S, self._look, payer, running)

    def _serve(self, payer: str, running: "_Running") -> None:
        """Lets those run who wait, the first first, as far as there is enough."""
        while running.waiting:
            if running.waiting[0].may_run.done():
                running.waiting.popleft()  # cancelled
            elif self._consume(payer):
                running.waiting.popleft().answer(may_run=True)
                running.count += 1
            else:
                break


@dataclass(eq=False, slots=True)
class _Waiter:
    """A call that waits for its turn, until a time of the loop's clock."""

    may_run: asyncio.Future[bool]
    until: float

    @property
    def runs(self) -> bool:
        """It was let run."""
        return not self.may_run.cancelled() and self.may_run.result()

    def answer(self, *, may_run: bool) -> None:
        """Has it go on, if it waits still."""
        if not self.may_run.done():
            self.may_run.set_result(may_run)


@dataclass(eq=False, slots=True)
class _Running:
    """How many calls of an address run, and which ones wait, in the order of coming."""

    count: int = 0
    waiting: deque[_Waiter] = field(default_factory=deque)
    is_watched: bool = False


def _payer(address: str, key: str) -> str:
    return f"{address_block(address)} {key}"
