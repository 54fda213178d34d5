import pytest
from structlog.testing import capture_logs

from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.key_problems import AGAIN_NS, MAX_TOLD, KeyProblems
from tests.unit.application.identity_fakes import FakeClock

ORDERS = CollectionKey("acme", "orders")


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def problems(clock):
    return KeyProblems(clock)


def test_each_problem_is_told_once_a_minute(problems, clock):
    with capture_logs() as lines:
        for _ in range(10):
            for problem in ("is gone", "was altered"):
                problems.met(ORDERS, RuntimeError(problem))
        problems.met(CollectionKey("", "credentials"), RuntimeError("is gone"))
    assert [(line["keys"], line["problem"]) for line in lines] == [
        ("tenants/acme/collections/orders", "is gone"),
        ("tenants/acme/collections/orders", "was altered"),
        ("the server's credentials", "is gone"),
    ]
    for later_ns, told in ((AGAIN_NS - 1, 0), (1, 1)):
        clock.advance(later_ns)
        with capture_logs() as lines:
            problems.met(ORDERS, RuntimeError("is gone"))
        assert len(lines) == told


def test_no_more_is_kept_than_so_many(problems):
    with capture_logs():
        for number in range(2 * MAX_TOLD):
            problems.met(CollectionKey("acme", f"c{number}"), RuntimeError("is gone"))
    assert len(problems._told) == MAX_TOLD
