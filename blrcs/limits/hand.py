"""What one process has at hand of one leased limit."""

import asyncio
from collections.abc import Callable

from blrcs.limits.limit_calls import Answer, Claim, Counted, Standing
from blrcs.limits.limit_queue import LimitQueue
from blrcs.limits.redis_rule import NS_PER_US, Lease
from blrcs_native.limits.limiter import NEVER_NS
from blrcs_native.limits.share import Share

MIN_AHEAD = 8
"""Shares smaller than this are not drawn before they are needed."""
MIN_PAUSE_PART = 20
"""After a refusal nobody asks for one part in so many of a share's life at the least: what has
recovered until then is drawn at once."""


class Hand:
    """The share of a cell, and what it was last told of the cell.

    Args:
        queue: Where more is drawn.
        on_low: Told where little is left.

    Attributes:
        drawing: Done when what is being drawn is there, or refused; None where nothing is.
        window: The number of the window that the share was drawn in.
        swept_at_spent: For the sweep: what had been spent when it last came by.
    """

    def __init__(
        self,
        counted: Counted,
        lease: Lease,
        queue: LimitQueue,
        now_ns: int,
        on_low: Callable[["Hand"], object],
    ) -> None:
        self.counted = counted
        self.lease = lease
        self.queue = queue
        self.share = Share(lambda _: on_low(self))
        self.drawing: asyncio.Future[None] | None = None
        self.window = 0
        self.swept_at_spent = -1
        self._life_ns = lease.life_us * NS_PER_US
        self._size = 0
        self._drawn_at_ns = now_ns
        self._spent_before = 0
        self._refused_cost = 0
        self._refused_until_ns = 0
        self._retry_at_ns: int | None = None

    def wanted(self, now_ns: int) -> int:
        """How much to draw: what was spent of late in half a share's life.

        At most twice as much as the last time.
        """
        spent = self.share.spent - self._spent_before
        elapsed_ns = max(now_ns - self._drawn_at_ns, 1)
        pace = spent * self._life_ns // 2 // elapsed_ns
        self._size = min(pace, 2 * max(self._size, 1), self.lease.max_share)
        self._drawn_at_ns = now_ns
        self._spent_before = self.share.spent
        return max(min(self._size, self.lease.max_share - self.share.left_at(now_ns)), 0)

    def learn(self, standing: Standing, now_ns: int) -> None:
        """Keeps how the cell stands."""
        self.share.remaining = standing.remaining
        self.share.reset_at_ns = now_ns + standing.reset_after_ns
        self.window = standing.window

    def receive(self, standing: Standing, asked_at_ns: int, now_ns: int) -> None:
        """Takes in what was granted.

        Its time is counted from when it was asked for, which is before the server counted it.
        """
        rest_ns = standing.window_rest_ns if self.lease.by_window else self._life_ns
        low = self._size // 2 if self._size >= MIN_AHEAD else 0
        self.share.put(standing.granted, asked_at_ns + rest_ns, now_ns, low=low)

    def remember_refusal(self, cost: int, retry_after_ns: int, now_ns: int) -> None:
        """Refuses as much, or more, for a while without asking."""
        pause_ns = max(retry_after_ns, self._life_ns // MIN_PAUSE_PART)
        self._refused_cost = cost
        self._refused_until_ns = now_ns + min(pause_ns, self._life_ns)
        self._retry_at_ns = None if retry_after_ns == NEVER_NS else now_ns + retry_after_ns

    def forget_refusal(self) -> None:
        """So that the next one asks."""
        self._refused_until_ns = 0

    def refuses(self, cost: int, now_ns: int) -> int:
        """For how long; 0 where it has to be asked."""
        if self._refused_until_ns <= now_ns or cost < self._refused_cost:
            return 0
        if self._retry_at_ns is None:
            return NEVER_NS
        return max(self._retry_at_ns, self._refused_until_ns) - now_ns

    def standing(self, now_ns: int, *, refused: bool) -> Standing:
        """How the cell stood when it was last asked about, with what is at hand."""
        return Standing(
            refused=refused,
            remaining=self.share.remaining + self.share.left_at(now_ns),
            reset_after_ns=max(self.share.reset_at_ns - now_ns, 0),
            granted=0,
            window=self.window,
            window_rest_ns=0,
        )


class Draw:
    """One call to the script on behalf of some hands: what it claims, and what comes of it."""

    def __init__(self, asked_at_ns: int) -> None:
        self.claims: list[Claim] = []
        self._hands: list[tuple[Hand, int, int] | None] = []
        self._asked_at_ns = asked_at_ns
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, counted: Counted, cost: int) -> None:
        """What is asked for in full."""
        self.claims.append(Claim(counted, cost))
        self._hands.append(None)

    def add_hand(self, hand: Hand, cost: int) -> None:
        """What is first taken of what is at hand."""
        ends_ns = hand.share.ends_at_ns
        taken = hand.share.take_up_to(cost, self._asked_at_ns)
        short = cost - taken
        extra = 0
        if hand.drawing is None and (short or not cost):
            # One alone draws more than it needs, so that no hand has more than the largest share.
            extra = hand.wanted(self._asked_at_ns)
        self.claims.append(Claim(hand.counted, short, extra))
        self._hands.append((hand, taken, ends_ns))
        if hand.drawing is None:
            hand.drawing = self._over

    def conclude(self, answer: Answer, now_ns: int) -> None:
        """Takes in what was decided."""
        refusals = sum(standing.refused for standing in answer.standings)
        for claim, drawn, standing in zip(self.claims, self._hands, answer.standings, strict=True):
            if drawn is None:
                continue
            hand, taken, ends_ns = drawn
            hand.learn(standing, now_ns)
            if answer.allowed and not standing.refused:
                hand.share.note(claim.cost)
                hand.receive(standing, self._asked_at_ns, now_ns)
                continue
            hand.share.put(taken, ends_ns, now_ns)
            if standing.refused and refusals == 1:
                hand.remember_refusal(claim.cost + taken, answer.retry_after_ns, now_ns)

    def give_up(self, now_ns: int) -> None:
        """Nothing was decided: what was at hand is so again."""
        for drawn in self._hands:
            if drawn is not None:
                hand, taken, ends_ns = drawn
                hand.share.put(taken, ends_ns, now_ns)

    def finish(self) -> None:
        """Lets those go on who wait for it."""
        for drawn in self._hands:
            if drawn is not None and drawn[0].drawing is self._over:
                drawn[0].drawing = None
        self._over.set_result(None)
