from blrcs.security.sign_in_throttle import LimiterSignInThrottle
from blrcs_native.limiter import Limiter

MINUTE_NS = 60_000_000_000


class Clock:
    now_ns = 1_000_000_000_000

    def __call__(self):
        return self.now_ns


def make_throttle(clock, **bounds):
    return LimiterSignInThrottle(Limiter(1024, clock=clock), **bounds)


def test_admits_ten_failures_in_a_quarter_of_an_hour():
    clock = Clock()
    throttle = make_throttle(clock)

    assert [throttle.allow("alice", f"192.0.2.{i}") for i in range(10)] == [None] * 10
    assert throttle.allow("alice", "198.51.100.1") == 90_000_000_000
    assert throttle.allow("bob", "198.51.100.1") is None

    clock.now_ns += 90_000_000_000
    assert throttle.allow("alice", "198.51.100.1") is None
    assert throttle.allow("alice", "198.51.100.1") is not None


def test_waiting_a_quarter_of_an_hour_forgives_all():
    clock = Clock()
    throttle = make_throttle(clock)
    for _ in range(11):
        throttle.allow("alice", "192.0.2.1")

    clock.now_ns += 15 * MINUTE_NS

    assert [throttle.allow("alice", "192.0.2.1") for _ in range(10)] == [None] * 10


def test_successes_are_given_back():
    throttle = make_throttle(Clock(), address_failures=10)

    for _ in range(50):
        assert throttle.allow("alice", "192.0.2.1") is None
        throttle.refund("alice", "192.0.2.1")


def test_one_address_cannot_try_all_accounts():
    throttle = make_throttle(Clock(), address_failures=20)

    answers = [throttle.allow(f"user-{i}", "192.0.2.1") for i in range(21)]

    assert answers[:20] == [None] * 20
    assert answers[20] is not None
    assert throttle.allow("user-0", "192.0.2.2") is None


def test_a_refusal_takes_nothing_from_either():
    throttle = make_throttle(Clock(), account_failures=1, address_failures=3)
    for _ in range(5):
        throttle.allow("alice", "192.0.2.1")

    assert throttle.allow("bob", "192.0.2.1") is None
    assert throttle.allow("carol", "192.0.2.1") is None
    assert throttle.allow("dave", "192.0.2.1") is not None


def test_an_address_is_no_account():
    throttle = make_throttle(Clock(), account_failures=1)
    throttle.allow("192.0.2.1", "192.0.2.2")

    assert throttle.allow("192.0.2.2", "192.0.2.1") is None
