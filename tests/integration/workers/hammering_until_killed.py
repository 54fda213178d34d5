"""Processes take from shared limits in tight loops, and are killed; what is left must be right.

Usage: hammering_until_killed.py KILLS SEED
"""

import random
import sys
import time
from itertools import count

from blrcs_native.limits.limiter import Rule
from tests.integration.workers.shared_limiter import (
    HOUR_NS,
    MANY,
    SharedLimiter,
    fork,
    guarded,
    kill,
    used,
)

CHILDREN = 4
HELD = 2  # places that the parent has and nobody may give back
CELLS = 64  # few, so that keys also push each other out
KEYS = ["one", "two", "three"]
LEFT = Rule("fixed_window", MANY, HOUR_NS, identity="left")
RIGHT = Rule("fixed_window", MANY, HOUR_NS, identity="right")
PASSING = Rule("gcra", 5, 1000, identity="passing")
RUNNING = Rule("concurrency", 6, HOUR_NS, identity="running")


def hammer(shared: SharedLimiter, slot: int) -> None:
    limiter, _ = shared.join(slot)
    run = guarded(limiter, RUNNING)
    for number in count():
        key = KEYS[number % len(KEYS)]
        limiter.consume_all([(LEFT, key, 1), (RIGHT, key, 1)])
        shared.counts[slot] += 1
        for _ in range(8):
            run()
        limiter.consume(PASSING, f"10.0.0.{number % 100}")


def check(shared: SharedLimiter, kills: int) -> None:
    """Nobody runs any more."""
    for slot in range(1, CHILDREN + 1):
        assert shared.sharing.recover(slot) is not None
    limiter = shared.limiter
    taken = {key: (used(limiter, LEFT, key), used(limiter, RIGHT, key)) for key in KEYS}
    assert all(left == right for left, right in taken.values()), f"a stack was torn: {taken}"
    total, told = sum(left for left, _ in taken.values()), sum(shared.counts)
    # Each that was killed may have taken once without coming to say so.
    assert told <= total <= told + kills, f"{told} told of, {total} taken, {kills} killed"
    held = used(limiter, RUNNING, b"")
    assert held == HELD, f"{held} places are held instead of {HELD}"
    for number in range(10_000):  # every lock is free: another place than ours would hang
        limiter.consume(PASSING, f"{number}")
    print(f"{total} taken, {kills} killed")  # noqa: T201


def main(kills: int, seed: int) -> None:
    chance = random.Random(seed)
    shared = SharedLimiter(CELLS)
    shared.limiter.consume(RUNNING, b"", HELD)
    children = {slot: fork(hammer, shared, slot) for slot in range(1, CHILDREN + 1)}
    for _ in range(kills):
        time.sleep(chance.uniform(0, 0.008))
        slot = chance.choice(list(children))
        kill(children[slot])
        # Else the others find its locks, or its successor does.
        if chance.random() < 0.5:
            shared.sharing.recover(slot)
        children[slot] = fork(hammer, shared, slot)
    for child in children.values():
        kill(child)
    check(shared, kills + CHILDREN)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
