from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.limits.share import Share

MOST = 2**63 - 1


def share(told=None):
    return Share(lambda each: told.append(each) if told is not None else None)


def test_it_is_spent_until_it_is_used_up():
    mine = share()
    assert not mine.take(1, 0)
    mine.put(3, 100, 0)
    assert [mine.take(2, 99), mine.take(2, 99), mine.take(1, 99), mine.take(1, 99)] == [
        True,
        False,
        True,
        False,
    ]
    assert mine.spent == 3


def test_it_ends():
    mine = share()
    mine.put(3, 100, 0)
    assert mine.left_at(99) == 3
    assert not mine.take(1, 100)
    assert mine.left_at(0) == 0, "what is over does not come back"


def test_what_is_added_lives_for_itself():
    mine = share()
    mine.put(3, 100, 0)
    mine.put(4, 200, 50)
    assert (mine.left_at(99), mine.ends_at_ns) == (7, 100)
    assert mine.take(5, 99)
    assert (mine.left_at(100), mine.ends_at_ns) == (2, 200)
    assert mine.left_at(200) == 0


def test_the_newer_part_stays_when_the_older_ends():
    mine = share()
    mine.put(3, 100, 0)
    mine.put(4, 200, 0)
    assert mine.left_at(100) == 4


def test_it_tells_once_that_little_is_left():
    told = []
    mine = share(told)
    mine.put(10, 100, 0, low=5)
    mine.take(5, 0)
    assert told == []
    mine.take(1, 0)
    mine.take(1, 0)
    assert told == [mine]
    mine.put(10, 100, 0, low=5)
    assert mine.take_up_to(MOST, 0) == 13
    assert told == [mine], "who takes all of it knows"


def test_what_is_told_may_fail_for_the_one_who_spends():
    def fail(_):
        raise RuntimeError("no")

    mine = Share(fail)
    mine.put(2, 100, 0, low=2)
    with pytest.raises(RuntimeError):
        mine.take(1, 0)
    assert mine.left_at(0) == 1


def test_it_can_be_dropped():
    mine = share()
    mine.put(3, 100, 0)
    mine.put(3, 200, 0)
    mine.drop()
    assert mine.left_at(0) == 0


@dataclass
class Lots:
    """What was put, each with its own end: nothing may be spent of one that is over."""

    lots: list[list[int]] = field(default_factory=list)

    def put(self, amount, ends):
        self.lots.append([amount, ends])

    def spend(self, cost, now):
        """Of those that end first, which leaves the most; false where that is not enough."""
        for lot in sorted(self.lots, key=lambda each: each[1]):
            given = min(cost, lot[0]) if lot[1] > now else 0
            lot[0] -= given
            cost -= given
        return cost == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "take", "take", "up_to"]), st.integers(0, 9), st.integers(0, 9)
    ),
    max_size=40,
)


@given(STEPS)
def test_it_never_spends_what_is_over_or_was_not_put(steps):
    mine, lots, now, spent = share(), Lots(), 0, 0
    for verb, amount, time in steps:
        if verb == "put":
            ends = now + time
            mine.put(amount, ends, now)
            lots.put(amount, ends)
            continue
        now += time // 3
        if verb == "take":
            taken = amount if mine.take(amount, now) else 0
        else:
            taken = mine.take_up_to(amount, now)
        spent += taken
        assert lots.spend(taken, now)
        assert mine.spent == spent
