"""What taking from a limit costs, one rule or two."""

import pytest

from blrcs_native.limits.limiter import Limiter, Rule

SECOND = 1_000_000_000
MANY = 1_000_000_000


@pytest.mark.parametrize("algorithm", ["gcra", "fixed_window", "sliding_window", "concurrency"])
def test_consume(benchmark, algorithm):
    limiter = Limiter(65_536)
    rule = Rule(algorithm, MANY, SECOND, identity="bench")
    assert benchmark(limiter.consume, rule, "127.0.0.1").allowed


def test_consume_refused(benchmark):
    limiter = Limiter(65_536)
    rule = Rule("gcra", 1, 3600 * SECOND, identity="bench")
    limiter.consume(rule, "127.0.0.1")
    assert not benchmark(limiter.consume, rule, "127.0.0.1").allowed


def test_consume_all_of_two(benchmark):
    limiter = Limiter(65_536)
    stack = [
        (Rule("gcra", MANY, SECOND, identity="by address"), "127.0.0.1", 1),
        (Rule("fixed_window", MANY, SECOND, identity="by principal"), "users/7", 1),
    ]
    assert benchmark(limiter.consume_all, stack).allowed
