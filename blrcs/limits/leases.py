"""Decides by shares that were drawn from Redis in advance."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping

from blrcs.limits.hand import Draw, Hand
from blrcs.limits.limit_calls import Answer, Claim, Counted, LimitCall, Operation
from blrcs.limits.limit_queue import LimitQueue, RedisLostError
from blrcs.limits.redis_rule import RedisRule
from blrcs_native.limits.limiter import NEVER_NS

MAX_HANDS = 65_536
"""Cells of which a process has shares; further ones are asked about each time."""
MAX_WAITS = 3
"""How often a decision waits for what others are drawing, before it asks for itself."""


class Leases:
    """The shares of this process, and how they are drawn. Belongs to the event loop.

    All that is ever spent has been taken of the limit in Redis before, and is spent while it counts
    there: so the processes together admit no more than the limit.

    Args:
        monotonic_ns: The system's monotonic clock.
    """

    def __init__(self, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._monotonic_ns = monotonic_ns
        self._hands: dict[Counted, Hand] = {}
        self._running: set[asyncio.Task[Answer]] = set()

    async def consume(self, queue: LimitQueue, costs: Mapping[Counted, int]) -> Answer:
        """Takes all of the costs, each at least 1, or none.

        Raises:
            RedisLostError: There is not enough at hand, and Redis does not decide.
        """
        for _ in range(MAX_WAITS):
            answer = self._decide_at_hand(costs)
            if answer is not None:
                return answer
            hands = (self._hands.get(counted) for counted in costs)
            drawing = {hand.drawing for hand in hands if hand is not None and hand.drawing}
            if not drawing:
                break
            await asyncio.wait(drawing)
        return await self._draw(queue, costs)

    async def check(self, queue: LimitQueue, costs: Mapping[Counted, int]) -> Answer:
        """Decides as ``consume`` would, and takes nothing.

        Raises:
            RedisLostError: As for ``consume``.
        """
        answer = self._decide_at_hand(costs, takes=False)
        if answer is not None:
            return answer
        claims = [
            Claim(counted, max(cost - self.at_hand(counted), 0)) for counted, cost in costs.items()
        ]
        return self._with_hands(costs, await queue.ask(LimitCall(Operation.CHECK, claims)))

    def _decide_at_hand(self, costs: Mapping[Counted, int], *, takes: bool = True) -> Answer | None:
        """The answer, where Redis need not be asked for it."""
        now_ns = self._monotonic_ns()
        hands: list[tuple[Hand, int, int]] = []
        longest_ns = 0
        for counted, cost in costs.items():
            hand = self._hands.get(counted)
            if hand is None:
                return None
            wait_ns = 0
            if not hand.share.has(cost, now_ns):
                wait_ns = hand.refuses(cost, now_ns)
                if not wait_ns:
                    return None
                if not counted.rule.shadow:
                    longest_ns = max(longest_ns, wait_ns)
            hands.append((hand, cost, wait_ns))
        if takes and not longest_ns:
            for hand, cost, wait_ns in hands:
                if not wait_ns:
                    hand.share.take(cost, now_ns)
        standings = [hand.standing(now_ns, refused=wait_ns > 0) for hand, _, wait_ns in hands]
        return Answer(allowed=not longest_ns, retry_after_ns=longest_ns, standings=standings)

    def at_hand(self, counted: Counted) -> int:
        """What this process may still spend of a cell."""
        hand = self._hands.get(counted)
        return 0 if hand is None else hand.share.left_at(self._monotonic_ns())

    def look_anew(self, counted: Counted) -> None:
        """After something was given back: the next decision does not go by an old refusal."""
        if (hand := self._hands.get(counted)) is not None:
            hand.forget_refusal()

    def drop(self, counted: Counted) -> None:
        """Forgets what is at hand of a cell."""
        if (hand := self._hands.get(counted)) is not None:
            hand.share.drop()
            hand.forget_refusal()

    def sweep(self, live: Collection[RedisRule]) -> None:
        """Gives up what nobody has spent anything of since the last time. To be called regularly.

        Args:
            live: The rules in effect.
        """
        for counted, hand in list(self._hands.items()):
            idle = hand.share.spent == hand.swept_at_spent
            hand.swept_at_spent = hand.share.spent
            if hand.drawing is None and (idle or counted.rule not in live):
                self._give_up(hand)

    async def close(self) -> None:
        """Gives back what can be."""
        await asyncio.gather(*self._running, return_exceptions=True)
        returned = [self._give_up(hand) for hand in list(self._hands.values())]
        await asyncio.gather(*filter(None, returned), return_exceptions=True)

    def _give_up(self, hand: Hand) -> asyncio.Future[Answer] | None:
        del self._hands[hand.counted]
        hand.counted.rule.shares.pop(hand.counted.cell, None)
        left = hand.share.take_up_to(NEVER_NS, self._monotonic_ns())
        if not left or not hand.lease.by_window:
            # GCRA recovers by itself, and has done so already for a part of it.
            return None
        claim = Claim(hand.counted, left, window=hand.window)
        returning = hand.queue.ask(LimitCall(Operation.RETURN, [claim]))
        returning.add_done_callback(_seen)
        return returning

    async def _draw(self, queue: LimitQueue, costs: Mapping[Counted, int]) -> Answer:
        draw = Draw(self._monotonic_ns())
        for counted, cost in costs.items():
            hand = self._hand(queue, counted)
            if hand is None:
                draw.add(counted, cost)
            else:
                draw.add_hand(hand, cost)
        # What is drawn must come to hand even if the caller has gone meanwhile.
        return self._with_hands(costs, await asyncio.shield(self._start(queue, draw)))

    def _with_hands(self, cells: Iterable[Counted], answer: Answer) -> Answer:
        """Redis's answer, whose standings tell of what is at hand too."""
        standings = [
            standing._replace(remaining=standing.remaining + self.at_hand(counted))
            for counted, standing in zip(cells, answer.standings, strict=True)
        ]
        return answer._replace(standings=standings)

    def _draw_ahead(self, hand: Hand) -> None:
        if hand.drawing is None and not hand.queue.is_lost:
            draw = Draw(self._monotonic_ns())
            draw.add_hand(hand, 0)
            self._start(hand.queue, draw)

    def _start(self, queue: LimitQueue, draw: Draw) -> asyncio.Task[Answer]:
        task = asyncio.get_running_loop().create_task(self._settle(queue, draw))
        self._running.add(task)
        task.add_done_callback(self._settled)
        return task

    async def _settle(self, queue: LimitQueue, draw: Draw) -> Answer:
        try:
            answer = await queue.ask(LimitCall(Operation.CONSUME, draw.claims))
            draw.conclude(answer, self._monotonic_ns())
        except (RedisLostError, asyncio.CancelledError):
            draw.give_up(self._monotonic_ns())
            raise
        finally:
            draw.finish()
        return answer

    def _settled(self, task: asyncio.Task[Answer]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for it is told

    def _hand(self, queue: LimitQueue, counted: Counted) -> Hand | None:
        lease = counted.rule.lease
        if lease is None:
            return None
        hand = self._hands.get(counted)
        if hand is None and len(self._hands) < MAX_HANDS:
            hand = Hand(counted, lease, queue, self._monotonic_ns(), self._draw_ahead)
            self._hands[counted] = hand
            counted.rule.shares[counted.cell] = hand.share
        return hand


def _seen(returning: asyncio.Future[Answer]) -> None:
    """So that asyncio does not complain: what cannot be given back is lost."""
    if not returning.cancelled():
        returning.exception()
