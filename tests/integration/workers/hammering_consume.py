"""Processes answer Consume natively until a limit is used up, and are killed; what is taken then.

Every call takes from two limits at once: from the tight one, and from one of two wide ones.

Usage: hammering_consume.py ALGORITHM KILLS SEED
"""

import random
import sys
import time

from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.native_limits import NativeLimits
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import limit_pb2
from blrcs_native.call import Call
from blrcs_native.direct import DirectHandler
from blrcs_native.direct_limit import DirectConsume
from blrcs_native.limiter import Limiter
from blrcs_native.method import Method
from tests.integration.workers.shared_limiter import HOUR_NS, SharedLimiter, fork, kill, wait

CHILDREN = 4
TIGHT, WIDE = 60_000, 1_000_000
CELLS = 64
# So long that nothing comes back while this runs.
PERIOD_NS = 1000 * HOUR_NS
PATIENCE = 100  # refusals after which a process believes that nothing is left
KILLED = 0  # where the parent says that it kills no more
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


def request(*names: str, check_only: bool = False) -> bytes:
    descriptors = [
        limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key=name, value="v")])
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


def hammer(shared: SharedLimiter, slot: int, algorithm: str) -> None:
    limiter, _ = shared.join(slot)
    consume = consume_by(limiter, algorithm)
    stacks = [request("left", "tight"), request("tight", "right")]
    refused = 0
    while refused < PATIENCE or not shared.counts[KILLED]:
        allowed = answered(consume, stacks[shared.counts[slot] % 2]).allowed
        shared.counts[slot] += allowed
        refused += not allowed


def kill_some(
    shared: SharedLimiter, algorithm: str, children: dict[int, int], kills: int, seed: int
) -> None:
    """Evenly, while there is something to take."""
    chance = random.Random(seed)
    for number in range(kills):
        while sum(shared.counts) < TIGHT * number // kills:
            time.sleep(0)
        slot = chance.choice(list(children))
        kill(children[slot])
        # Else the others find its locks, or its successor does.
        if chance.random() < 0.5:
            shared.sharing.recover(slot)
        children[slot] = fork(hammer, shared, slot, algorithm)


def main(algorithm: str, kills: int, seed: int) -> None:
    shared = SharedLimiter(CELLS)
    children = {slot: fork(hammer, shared, slot, algorithm) for slot in range(1, CHILDREN + 1)}
    kill_some(shared, algorithm, children, kills, seed)
    shared.counts[KILLED] = True
    for child in children.values():
        wait(child)
    for slot in children:
        shared.sharing.recover(slot)
    consume = consume_by(shared.limiter, algorithm)
    standing = answered(consume, request("tight", "left", "right", check_only=True)).statuses
    tight, left, right = (status.limit - status.remaining for status in standing)
    told = sum(shared.counts[slot] for slot in children)
    assert tight == TIGHT, f"{tight} of {TIGHT} taken"
    assert left + right == tight, f"a stack was torn: {left} + {right} of {tight}"
    # Each that was killed may have taken once without coming to say so.
    assert told <= tight <= told + kills, f"{told} told of, {tight} taken, {kills} killed"
    print(f"{tight} taken, {kills} killed")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
