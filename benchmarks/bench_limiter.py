"""The rate limiter beside ``limits`` (memory storage), both from Python, all calls admitted.

Both count "address 127.0.0.1" under a limit that is never reached. The cost above an empty call is
against a Python method of the same signature that does nothing.
"""

from harness import Claim, Loop, Report, main, measure, versions
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from blrcs_native.limits.limiter import Algorithm, Limiter, Rule

KEY = "127.0.0.1"
MANY = 1_000_000_000
SECOND_NS = 1_000_000_000
TABLE_CELLS = 65_536
KEYS = [f"10.0.{number >> 8}.{number & 255}" for number in range(32_768)]


class Empty:
    """What a call costs that does nothing."""

    def consume(self, rule: Rule, key: str) -> None:
        pass


def empty_loop() -> Loop:
    consume = Empty().consume
    rule = Rule("gcra", MANY, SECOND_NS, identity="bench")

    def loop(count: int) -> None:
        for _ in range(count):
            consume(rule, KEY)

    return loop


def consume_loop(algorithm: Algorithm) -> Loop:
    consume = Limiter(TABLE_CELLS).consume
    rule = Rule(algorithm, MANY, SECOND_NS, identity="bench")

    def loop(count: int) -> None:
        for _ in range(count):
            consume(rule, KEY)

    return loop


def many_keys_loop() -> Loop:
    consume = Limiter(TABLE_CELLS).consume
    rule = Rule("gcra", MANY, SECOND_NS, identity="bench")
    size = len(KEYS)

    def loop(count: int) -> None:
        for index in range(count):
            consume(rule, KEYS[index % size])

    return loop


def refused_loop() -> Loop:
    consume = Limiter(TABLE_CELLS).consume
    rule = Rule("gcra", 1, 3600 * SECOND_NS, identity="bench")
    consume(rule, KEY)

    def loop(count: int) -> None:
        for _ in range(count):
            consume(rule, KEY)

    return loop


def stack_loop() -> Loop:
    consume_all = Limiter(TABLE_CELLS).consume_all
    first = Rule("gcra", MANY, SECOND_NS, identity="by address")
    second = Rule("fixed_window", MANY, SECOND_NS, identity="by principal")
    stack = [(first, KEY, 1), (second, "users/7", 1)]

    def loop(count: int) -> None:
        for _ in range(count):
            consume_all(stack)

    return loop


def limits_loop() -> Loop:
    hit = FixedWindowRateLimiter(MemoryStorage()).hit
    item = RateLimitItemPerSecond(MANY)

    def loop(count: int) -> None:
        for _ in range(count):
            hit(item, KEY)

    return loop


def assert_same_answers() -> None:
    """Both admit three of five in a window that does not end meanwhile."""
    limiter = Limiter(8, clock=lambda: 0)
    rule = Rule("fixed_window", 3, SECOND_NS, identity="bench")
    peer = FixedWindowRateLimiter(MemoryStorage())
    item = RateLimitItemPerSecond(3, 86_400)
    ours = [limiter.consume(rule, KEY).allowed for _ in range(5)]
    theirs = [peer.hit(item, KEY) for _ in range(5)]
    assert ours == theirs == [True, True, True, False, False]


def run(rounds: int) -> Report:
    assert_same_answers()
    algorithms: tuple[Algorithm, ...] = ("gcra", "fixed_window", "sliding_window", "concurrency")
    subjects = {
        "empty call": empty_loop(),
        **{f"consume {algorithm}": consume_loop(algorithm) for algorithm in algorithms},
        "consume gcra, refused": refused_loop(),
        "consume gcra, 32,768 keys": many_keys_loop(),
        "consume_all of two": stack_loop(),
        "limits FixedWindow hit": limits_loop(),
    }
    timings = measure(subjects, rounds=rounds)
    empty_ns = timings["empty call"].median_ns
    peer_ns = timings["limits FixedWindow hit"].median_ns
    report = Report("limiter consume", timings, peers=versions("limits"))
    for algorithm in ("fixed_window", "gcra"):
        own_ns = timings[f"consume {algorithm}"].median_ns
        report.claims += [
            Claim(f"{algorithm}: times as fast as limits", peer_ns / own_ns, at_least=20),
            Claim(f"{algorithm}: us above an empty call", (own_ns - empty_ns) / 1e3, at_most=0.2),
        ]
    return report


if __name__ == "__main__":
    main(run)
