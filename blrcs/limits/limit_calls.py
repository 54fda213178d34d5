"""What the script is asked, and what it answers."""

from collections.abc import Sequence
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from blrcs.limits.redis_rule import NS_PER_US, RedisRule
from blrcs_native.limits.limiter import NEVER_NS

NEVER_US = -1
_ALLOWED = Struct("<Bq")
_STANDING = Struct("<Bqqqqq")


class Operation(IntEnum):
    """What is done to the cells of a call."""

    CONSUME = 0
    CHECK = 1
    REFUND = 2
    PEEK = 3
    RESET = 4
    RETURN = 5
    """Gives back what was drawn in a window and not spent, as long as that window lasts."""


class Counted(NamedTuple):
    """The cell that a descriptor is counted in: a rule, and the descriptor's values."""

    rule: RedisRule
    cell: bytes


class Claim(NamedTuple):
    """What is wanted of one cell.

    Attributes:
        extra: What is taken beyond the cost where there is enough of it.
        window: For RETURN: the number of the window that it was drawn in.
    """

    counted: Counted
    cost: int = 0
    extra: int = 0
    window: int = 0

    def packed(self) -> bytes:
        """In JSON."""
        return b"[%b,%d,%d,%d]" % (self.counted.rule.numbers, self.cost, self.extra, self.window)


class LimitCall(NamedTuple):
    """What is decided in one step. Its cells differ, and are all of one domain."""

    operation: Operation
    claims: Sequence[Claim]

    def packed(self) -> bytes:
        """In JSON."""
        return b"[%d,%b]" % (
            self.operation,
            b",".join([claim.packed() for claim in self.claims]),
        )


class Standing(NamedTuple):
    """How a cell stands after a call.

    Attributes:
        granted: What was taken beyond the cost.
        window: The number of the window, and how long it lasts; 0 where there are none.
    """

    refused: bool
    remaining: int
    reset_after_ns: int
    granted: int
    window: int
    window_rest_ns: int


class Answer(NamedTuple):
    """What came of a call. ``retry_after_ns`` is NEVER_NS where no wait will do."""

    allowed: bool
    retry_after_ns: int
    standings: Sequence[Standing]


def read_answers(reply: bytes, calls: Sequence[LimitCall]) -> list[Answer]:
    """The answers to calls, in their order; ValueError where the reply is something else."""
    size = sum(_ALLOWED.size + _STANDING.size * len(call.claims) for call in calls)
    if len(reply) != size:
        raise ValueError(f"a reply of {len(reply)} bytes, where {size} are due")
    answers = []
    place = 0
    for call in calls:
        allowed, wait_us = _ALLOWED.unpack_from(reply, place)
        place += _ALLOWED.size
        end = place + _STANDING.size * len(call.claims)
        # The script's largest time, 2**53 us, is one of nanoseconds in 64 bits too.
        standings = [
            Standing(
                refused == 1,
                remaining,
                reset_us * NS_PER_US,
                granted,
                window,
                rest_us * NS_PER_US,
            )
            for refused, remaining, reset_us, granted, window, rest_us in _STANDING.iter_unpack(
                reply[place:end]
            )
        ]
        place = end
        wait_ns = NEVER_NS if wait_us == NEVER_US else wait_us * NS_PER_US
        answers.append(Answer(allowed == 1, wait_ns, standings))
    return answers
