from blrcs.security.sign_in_throttle import LimiterSignInThrottle
from blrcs_native.limiter import Limiter

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


class Clock:
    now_ns = 1_000_000_000_000

    def __call__(self):
        return self.now_ns


def make_throttle(clock, **bounds):
    return LimiterSignInThrottle(Limiter(1024, clock=clock), **bounds)


def fail(throttle, user_id="alice", *, times, address="192.0.2.1", familiar=False):
    """As many failures as are admitted at once, of so many tries."""
    waits = [throttle.allow(user_id, address, familiar=familiar) for _ in range(times)]
    return waits.count(None)


def waits_of(throttle, clock, *, failures, **where):
    """How long each further try has to wait, in seconds, that comes as soon as it may."""
    waits = []
    for _ in range(failures):
        wait_ns = throttle.allow("alice", "192.0.2.1", **where)
        waits.append(wait_ns / SECOND_NS)
        clock.now_ns += wait_ns
        assert throttle.allow("alice", "192.0.2.1", **where) is None
    return waits


def test_ten_failures_of_an_account_need_not_wait():
    throttle = make_throttle(Clock())

    assert [throttle.allow("alice", f"192.0.2.{i}") for i in range(10)] == [None] * 10
    assert throttle.allow("alice", "198.51.100.1") == 4 * SECOND_NS
    assert throttle.allow("bob", "198.51.100.1") is None


def test_the_waits_double_up_to_a_bound():
    clock = Clock()
    throttle = make_throttle(clock)
    fail(throttle, times=10)

    waits = waits_of(throttle, clock, failures=11)

    assert waits == [4, 4, 8, 16, 32, 64, 128, 256, 512, 512, 512]


def test_waiting_forgives_all_in_the_end():
    clock = Clock()
    throttle = make_throttle(clock)
    fail(throttle, times=10)
    waits_of(throttle, clock, failures=5)

    clock.now_ns += 24 * 60 * MINUTE_NS

    assert fail(throttle, times=11) == 10


def test_successes_are_given_back():
    throttle = make_throttle(Clock(), address_failures=10)

    for _ in range(50):
        assert throttle.allow("alice", "192.0.2.1") is None
        throttle.refund("alice", "192.0.2.1")
        assert throttle.allow("alice", "192.0.2.1", familiar=True) is None
        throttle.refund("alice", "192.0.2.1", familiar=True)


def test_one_address_cannot_try_all_accounts():
    throttle = make_throttle(Clock(), address_failures=20)

    answers = [throttle.allow(f"user-{i}", "192.0.2.1") for i in range(21)]

    assert answers[:20] == [None] * 20
    assert answers[20] is not None
    assert throttle.allow("user-0", "192.0.2.2") is None


def test_an_address_of_ipv6_is_its_whole_network():
    throttle = make_throttle(Clock(), address_failures=20)

    answers = [throttle.allow(f"user-{i}", f"2001:db8::{i + 1:x}") for i in range(21)]

    assert answers.count(None) == 20
    assert throttle.allow("user-0", "2001:db8:0:1::1") is None


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


def test_strangers_do_not_lock_the_owner_out():
    throttle = make_throttle(Clock(), address_failures=1000)
    fail(throttle, times=100, address="203.0.113.9")
    assert throttle.allow("alice", "192.0.2.1") is not None

    assert throttle.allow("alice", "192.0.2.1", familiar=True) is None


def test_guesses_from_a_familiar_address_have_to_wait_too():
    clock = Clock()
    throttle = make_throttle(clock)

    assert fail(throttle, times=20, familiar=True) == 5
    assert waits_of(throttle, clock, failures=3, familiar=True) == [4, 4, 8]
    assert throttle.allow("alice", "192.0.2.2", familiar=True) is None


def test_a_familiar_address_is_bounded_over_all_accounts():
    throttle = make_throttle(Clock(), address_failures=20)

    answers = [throttle.allow(f"user-{i}", "192.0.2.1", familiar=True) for i in range(21)]

    assert answers.count(None) == 20


def test_an_account_is_forgiven_with_its_familiar_addresses_and_no_other():
    throttle = make_throttle(Clock(), address_failures=1000)
    for user_id in ("alice", "bob"):
        fail(throttle, user_id, times=20)
        fail(throttle, user_id, times=20, familiar=True)

    throttle.forgive("alice", ["192.0.2.1"])

    assert fail(throttle, "alice", times=20) == 10
    assert fail(throttle, "alice", times=20, familiar=True) == 5
    assert fail(throttle, "bob", times=20) == 0


def test_purposes_are_counted_apart():
    limiter = Limiter(1024, clock=Clock())
    passwords = LimiterSignInThrottle(limiter)
    codes = LimiterSignInThrottle(limiter, purpose="second-factor")
    fail(passwords, times=20)

    assert fail(codes, times=20) == 10
