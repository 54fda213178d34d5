"""The queue of a seat that nobody serves is in one worker's hands at a time."""

from collections.abc import Sequence
from typing import Any

import pytest

from blrcs.supervisor.loans import Loans
from blrcs.workers.handover import Loan


class Holder:
    """A worker's process, so far as it is lent something."""

    def __init__(self) -> None:
        self.borrowed: list[int] = []

    def lend(self, loan: Loan, descriptors: Sequence[int] = ()) -> None:
        if loan.ends:
            self.borrowed.remove(loan.seat)
        else:
            assert descriptors == [loan.seat + 100]
            self.borrowed.append(loan.seat)


@pytest.fixture
def workers() -> Any:
    return [Holder(), Holder(), Holder()]


@pytest.fixture
def loans(workers: Any) -> Loans:
    made = Loans(lambda seat: [seat + 100])
    made.settle(dict(enumerate(workers)))
    return made


def borrowed(workers: Any) -> list[list[int]]:
    return [each.borrowed for each in workers]


def test_what_nobody_serves_is_lent_until_its_seat_is_served(loans: Loans, workers: Any) -> None:
    first, second, third = workers
    loans.settle({0: first, 1: second})
    loans.settle({0: first, 1: second})
    assert borrowed(workers) == [[2], [], []]

    loans.settle({0: first, 1: second, 2: third})
    assert borrowed(workers) == [[], [], []]


def test_a_holder_that_was_late_for_a_while_keeps_nothing(loans: Loans, workers: Any) -> None:
    first, second, third = workers
    loans.settle({0: first, 1: second})
    loans.settle({1: second})
    assert [sorted(each) for each in borrowed(workers)] == [[], [0, 2], []]

    loans.settle({0: first, 1: second})
    assert borrowed(workers) == [[], [2], []]

    loans.settle({0: first, 1: second, 2: third})
    assert borrowed(workers) == [[], [], []]


def test_nobody_is_lent_anything_while_nobody_serves(loans: Loans, workers: Any) -> None:
    loans.settle({})
    assert borrowed(workers) == [[], [], []]

    loans.settle({1: workers[1]})
    assert sorted(workers[1].borrowed) == [0, 2]
