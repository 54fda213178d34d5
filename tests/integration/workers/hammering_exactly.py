"""Processes ask for more than a limit admits; how many were admitted, for each algorithm.

Usage: hammering_exactly.py
"""

from blrcs_native.limits.limiter import Algorithm, Rule
from tests.integration.workers.shared_limiter import HOUR_NS, SharedLimiter, fork, guarded, wait

CHILDREN = 4
LIMIT = 50_000
ASKED_EACH = 40_000
ALGORITHMS: tuple[Algorithm, ...] = ("gcra", "fixed_window", "sliding_window", "concurrency")


def ask(shared: SharedLimiter, slot: int, rule: Rule, wider: Rule) -> None:
    limiter, _ = shared.join(slot)
    for number in range(ASKED_EACH):
        # By turns alone, and in a stack whose other element always admits.
        if number % 2:
            admitted = limiter.consume(rule, "key").allowed
        else:
            admitted = limiter.consume_all([(wider, "key", 1), (rule, "key", 1)]).allowed
        shared.counts[slot] += admitted


def pass_through(shared: SharedLimiter, slot: int, rule: Rule) -> None:
    limiter, _ = shared.join(slot)
    run = guarded(limiter, rule)
    for _ in range(ASKED_EACH):
        shared.counts[slot] += run()


def main() -> None:
    for algorithm in ALGORITHMS:
        shared = SharedLimiter(64)
        # So slow that nothing comes back while this runs.
        rule = Rule(algorithm, LIMIT, 1000 * HOUR_NS, identity="tight")
        wider = Rule("gcra", 1 << 40, 1, identity="wide")
        children = [fork(ask, shared, slot, rule, wider) for slot in range(1, CHILDREN + 1)]
        for child in children:
            wait(child)
        print(algorithm, sum(shared.counts))  # noqa: T201
    shared = SharedLimiter(64)
    running = Rule("concurrency", CHILDREN, HOUR_NS, identity="running")
    children = [fork(pass_through, shared, slot, running) for slot in range(1, CHILDREN + 1)]
    for child in children:
        wait(child)
    left = running.limit - shared.limiter.peek(running, b"").remaining
    print("running", sum(shared.counts), "left", left)  # noqa: T201


if __name__ == "__main__":
    main()
