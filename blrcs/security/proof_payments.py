"""What pays for proofs of keys that come to nothing: the address that they come from."""

import asyncio
from collections import deque

from blrcs.domain.address_block import address_block
from blrcs_native.limits.limiter import Limiter, Rule

NS_PER_S = 1_000_000_000
PERIOD_NS = 10 * 60 * NS_PER_S
WAITING = 4
"""So many times as many as may run of an address at a moment may wait for their turn."""


class ProofPayments:
    """Says whether one more proof may be verified, for an address.

    A signature costs its forger nothing, and a stranger's own key signs as well as any. So each
    proof is paid for before it is looked at, and what it cost is given back when the call has come
    to something: an honest caller pays nothing in the end, but counts while the call runs. Who
    comes meanwhile waits until one of those has ended; what has failed bounds all who share an
    address. Belongs to the event loop.

    Args:
        limiter: Counts, for all workers.
        per_address: So many may come to nothing in ten minutes, of an address or a /64.
    """

    def __init__(self, limiter: Limiter, per_address: int) -> None:
        self._limiter = limiter
        self._rule = Rule("gcra", per_address, PERIOD_NS, identity="failed-proofs")
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
        self._limiter.refund(self._rule, _payer(address, key))

    async def turn(self, address: str) -> bool:
        """Whether there is enough for a call without a token, which then runs until ``ended``.

        It waits while what other calls on this worker have taken may be given back.
        """
        payer = _payer(address, "")
        while not self._consume(payer):
            running = self._running.get(payer)
            if running is None or len(running.waiting) >= self._max_waiting:
                return False
            await running.next_end()
        self._running.setdefault(payer, _Running()).count += 1
        return True

    def ended(self, address: str) -> None:
        """One of those that ``turn`` has let run has ended, in whatever way."""
        payer = _payer(address, "")
        running = self._running[payer]
        running.count -= 1
        if running.count:
            running.wake()
        else:
            # Nobody is left for whom the others could wait.
            del self._running[payer]
            while running.waiting:
                running.wake()

    def _consume(self, payer: str) -> bool:
        return self._limiter.consume(self._rule, payer).allowed


class _Running:
    """How many calls of an address run, and who waits for the end of one."""

    def __init__(self) -> None:
        self.count = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    async def next_end(self) -> None:
        """Returns when one has ended; each end has one return of this."""
        woken = asyncio.get_running_loop().create_future()
        self.waiting.append(woken)
        try:
            await woken
        except asyncio.CancelledError:
            if not woken.cancelled():
                self.wake()
            elif woken in self.waiting:
                self.waiting.remove(woken)
            raise

    def wake(self) -> None:
        """Has one return who waits still."""
        while self.waiting:
            woken = self.waiting.popleft()
            if not woken.done():
                woken.set_result(None)
                break


def _payer(address: str, key: str) -> str:
    return f"{address_block(address)} {key}"
