"""What the limiter cannot understand it refuses: rules, keys, and clocks that fail."""

import pickle

import pytest

from blrcs_native.limits.limiter import (
    MAX_PERIOD_NS,
    MAX_REQUESTS,
    Limiter,
    Rule,
)
from tests.unit.native.limits.limiting import (
    BUCKET_BYTES,
    HEADER_BYTES,
    SECOND,
    limiter_at,
)

# Rules and keys


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("leaky", 1, 1), {}),
        (("gcra", -1, 1), {}),
        (("gcra", MAX_REQUESTS + 1, 1), {}),
        (("concurrency", 2**32, 1), {}),
        (("gcra", 1, 0), {}),
        (("gcra", 1, MAX_PERIOD_NS + 1), {}),
        (("gcra", 1, 1), {"burst": -1}),
        (("gcra", 1, 1), {"burst": MAX_REQUESTS + 1}),
        (("fixed_window", 1, 1), {"burst": 2}),
    ],
)
def test_a_rule_out_of_range_raises(arguments, options):
    with pytest.raises(ValueError, match=r"must be|no burst"):
        Rule(*arguments, identity="r", **options)


def test_rules_are_values():
    one = Rule("gcra", 2, 3, identity="i", burst=4)
    assert (one.algorithm, one.limit, one.period_ns, one.burst, one.identity) == (
        "gcra",
        2,
        3,
        4,
        "i",
    )
    assert one == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(pickle.loads(pickle.dumps(one)))
    assert one != Rule("gcra", 2, 3, identity="j", burst=4)
    assert one != "gcra"
    assert repr(one) == "Rule('gcra', 2, 3, burst=4, identity='i')"
    with pytest.raises(AttributeError):
        one.limit = 5


@pytest.mark.parametrize(
    ("taken", "other"),
    [
        (Rule("gcra", 5, 60, identity="a"), Rule("gcra", 5, 60, identity="b")),
        (Rule("gcra", 5, 60, identity="a"), Rule("gcra", 6, 60, identity="a", burst=5)),
        (Rule("gcra", 5, 60, identity="a"), Rule("gcra", 5, 61, identity="a")),
        (Rule("gcra", 5, 60, identity="a"), Rule("gcra", 5, 60, identity="a", burst=6)),
        (
            Rule("fixed_window", 5, 60, identity="a"),
            Rule("sliding_window", 5, 60, identity="a"),
        ),
    ],
)
def test_rules_that_differ_share_nothing(taken, other):
    limiter, _ = limiter_at(0)
    limiter.consume(taken, "k", 5)
    assert limiter.peek(other, "k").remaining == other.burst


def test_a_str_is_the_key_of_its_utf8(rule):
    limiter, _ = limiter_at(0)
    limiter.consume(rule, "schlüssel", 5)
    assert not limiter.peek(rule, "schlüssel".encode())
    assert limiter.peek(rule, "schlussel")


@pytest.mark.parametrize("key", [1, None, bytearray(b"k"), ("k",)])
def test_a_key_of_another_type_raises(rule, key):
    with pytest.raises(TypeError, match="str or bytes"):
        limiter_at(0)[0].consume(rule, key)


def test_a_key_that_has_no_utf8_raises(rule):
    with pytest.raises(UnicodeEncodeError):
        limiter_at(0)[0].consume(rule, "\ud800")


def test_reset_forgets_one_key(rule):
    limiter, _ = limiter_at(0)
    limiter.consume(rule, "k", 5)
    limiter.consume(rule, "j", 5)
    limiter.reset(rule, "k")
    limiter.reset(rule, "unseen")
    assert limiter.peek(rule, "k").remaining == 5
    assert limiter.peek(rule, "j").remaining == 0


# The clock


def test_the_native_clock_moves_on_its_own():
    limiter = Limiter(8)
    rule = Rule("gcra", 1, 3600 * SECOND, identity="r")
    first = limiter.consume(rule, "k")
    second = limiter.consume(rule, "k")
    assert (first.allowed, second.allowed) == (True, False)
    assert 0 < first.lease <= second.lease
    assert second.retry_after_ns <= 3600 * SECOND


def test_a_clock_that_fails_takes_nothing(rule):
    def broken():
        raise OSError("no time")

    block = bytearray(HEADER_BYTES + BUCKET_BYTES)
    limiter = Limiter(buffer=block, clock=broken)
    before = bytes(block)
    for operation in (limiter.consume, limiter.refund):
        with pytest.raises(OSError, match="no time"):
            operation(rule, "k")
    assert bytes(block) == before


def test_a_clock_of_no_integers_raises(rule):
    with pytest.raises(TypeError):
        Limiter(8, clock=lambda: 1.5).consume(rule, "k")
    with pytest.raises(TypeError, match="callable"):
        Limiter(8, clock=5)


def test_a_clock_may_use_the_limiter(rule):
    limiter = Limiter(8, clock=lambda: 0)
    outer = Limiter(8, clock=lambda: limiter.consume(rule, "inner").remaining)
    assert outer.consume(rule, "k").remaining == 4
    assert limiter.peek(rule, "inner").remaining == 4
