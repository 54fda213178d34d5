"""Processes answer Consume natively until a limit is used up, and are killed; what is taken then.

Every call takes from two limits at once: from the tight one of a key, and from one of its two wide
ones. All work at the same keys in turn, for it is the last one left that several may want at once.

Usage: hammering_consume.py ALGORITHM KILLS SEED
"""

import os
import random
import sys
import time

from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.native_limits import NativeLimits
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import limit_pb2
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.direct.limit import DirectConsume
from blrcs_native.limits.limiter import Limiter
from tests.integration.workers.shared_limiter import HOUR_NS, SharedLimiter, fork, kill, wait

CHILDREN = 4
KEYS = [f"key-{number}" for number in range(1_500)]
TIGHT, WIDE = 20, 1_000_000
CELLS = 1 << 18  # so many that no key pushes another out
# So long that nothing comes back while this runs.
PERIOD_NS = 1000 * HOUR_NS
METHOD = Method(
    "/blrcs.v1.LimitService/Consume",
    client_streaming=False,
    server_streaming=False,
    parse=None,
    serialize=None,
)


def rules(algorithm: str) -> list[LimitRule]:
    return [
        LimitRule(
            id=name,
            domain="checkout",
            match=(LimitEntry(name),),
            requests=requests,
            period_ns=PERIOD_NS,
            algorithm=kind,
        )
        for name, requests, kind in (
            ("tight", TIGHT, algorithm),
            ("left", WIDE, "fixed_window"),
            ("right", WIDE, "sliding_window"),
        )
    ]


def consume_by(limiter: Limiter, algorithm: str) -> DirectHandler:
    limits = NativeLimits(limiter)
    limits.replace_rules(rules(algorithm))
    return DirectConsume(limits.current)


def request(key: str, *names: str, check_only: bool = False) -> bytes:
    descriptors = [
        limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key=name, value=key)])
        for name in names
    ]
    asked = limit_pb2.ConsumeRequest(
        domain="checkout", descriptors=descriptors, check_only=check_only
    )
    return asked.SerializeToString()


def answered(consume: DirectHandler, body: bytes) -> limit_pb2.ConsumeResponse:
    reply = consume.answer_bytes(Call(METHOD, InProcessStream(None), (), "10.0.0.1"), body)
    assert isinstance(reply, bytes)
    return limit_pb2.ConsumeResponse.FromString(reply)


class Gate:
    """Keeps those who have nothing left to take from ending while they may still be killed."""

    def __init__(self) -> None:
        self._waiting, self._open = os.pipe()

    def open(self) -> None:
        os.close(self._open)

    def wait(self) -> None:
        """Of a child, which has inherited both ends."""
        os.close(self._open)
        os.read(self._waiting, 1)


def hammer(shared: SharedLimiter, slot: int, algorithm: str, gate: Gate) -> None:
    limiter, _ = shared.join(slot)
    consume = consume_by(limiter, algorithm)
    for key in KEYS:
        stacks = [request(key, "left", "tight"), request(key, "tight", "right")]
        while answered(consume, stacks[shared.counts[slot] % 2]).allowed:
            shared.counts[slot] += 1
    gate.wait()


def kill_some(
    shared: SharedLimiter,
    algorithm: str,
    children: dict[int, int],
    gate: Gate,
    kills: int,
    seed: int,
) -> None:
    """Evenly, while there is enough to take that hardly anybody is done with it."""
    chance = random.Random(seed)
    for number in range(kills):
        while sum(shared.counts) < len(KEYS) * TIGHT * number // (2 * kills):
            time.sleep(0)
        slot = chance.choice(list(children))
        kill(children[slot])
        # Else the others find its locks, or its successor does.
        if chance.random() < 0.5:
            shared.sharing.recover(slot)
        children[slot] = fork(hammer, shared, slot, algorithm, gate)


def main(algorithm: str, kills: int, seed: int) -> None:
    shared = SharedLimiter(CELLS)
    gate = Gate()
    children = {
        slot: fork(hammer, shared, slot, algorithm, gate) for slot in range(1, CHILDREN + 1)
    }
    kill_some(shared, algorithm, children, gate, kills, seed)
    gate.open()
    for child in children.values():
        wait(child)
    for slot in children:
        shared.sharing.recover(slot)
    check(shared, consume_by(shared.limiter, algorithm), kills)


def check(shared: SharedLimiter, consume: DirectHandler, kills: int) -> None:
    """Nobody runs any more."""
    assert shared.limiter.stats().forced_evictions == 0
    for key in KEYS:
        asked = request(key, "tight", "left", "right", check_only=True)
        standing = answered(consume, asked).statuses
        tight, left, right = (status.limit - status.remaining for status in standing)
        assert tight == TIGHT, f"{key}: {tight} of {TIGHT} taken"
        assert left + right == tight, f"{key}: a stack was torn: {left} + {right} of {tight}"
    told, taken = sum(shared.counts), len(KEYS) * TIGHT
    # Each that was killed may have taken once without coming to say so.
    assert told <= taken <= told + kills, f"{told} told of, {taken} taken, {kills} killed"
    print(f"{taken} taken, {kills} killed")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
