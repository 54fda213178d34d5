"""The bound on verifications that fail: who pays, who waits, and who never does."""

from typing import Any

import pytest

from blrcs.interceptors.authentication import REJECTIONS
from blrcs.transport.in_process import InProcessStream
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.guards.authentication import AuthenticationGuard
from blrcs_native.limits.limiter import Limiter, Rule
from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.failed_verifications import FailedVerifications
from blrcs_native.tokens.keys import Keyset
from blrcs_native.tokens.revocations import Revocations
from blrcs_native.tokens.verifier import TokenVerifier
from tests.unit.native.tokens.token_factory import (
    ALL_ALGORITHMS,
    NOW_S,
    FakeClock,
    make_token,
    make_verifier,
    reason,
    verification_key,
)

SECOND_NS = 1_000_000_000
FAILURES = 3
STRANGER = "198.51.100.7"
OTHER = "203.0.113.9"
METHOD = Method(
    "/test.Service/Method",
    client_streaming=False,
    server_streaming=False,
    parse=bytes,
    serialize=bytes,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def bound(
    clock: FakeClock,
    *,
    failures: int = FAILURES,
    in_all: int = 0,
    cells: int = 1024,
    newcomers: int = 0,
    own: int = 1,
) -> FailedVerifications:
    """So many failures an address in 60 seconds, and so many of all in one.

    So many more of an address's newcomers in a second, of one connection so many.
    """
    rules = {"newcomers": newcomers, "per_connection": own} if newcomers else {}
    return FailedVerifications(
        Limiter(cells, clock=clock),
        per_address=Rule("gcra", failures, 60 * SECOND_NS, identity="address"),
        per_asker=Rule("gcra", failures, 60 * SECOND_NS, identity="asker"),
        in_all=Rule("gcra", in_all, SECOND_NS, identity="all") if in_all else None,
        **{name: Rule("gcra", most, SECOND_NS, identity=name) for name, most in rules.items()},
    )


class Connection(InProcessStream):
    """A call's stream, of a connection with a port."""

    def __init__(self, port: int) -> None:
        super().__init__(None)
        self._peer = f"ipv4:{STRANGER}:{port}"

    def peer(self) -> str:
        return self._peer


def call_by(port: int, address: str = STRANGER, token: str = "") -> Call:
    return call_on(Connection(port), address, token)


def call_on(connection: Connection, address: str = STRANGER, token: str = "") -> Call:
    metadata = (("authorization", f"Bearer {token}"),)
    return Call(METHOD, connection, metadata, address)


def forged(number: int, algorithm: str = "HS256") -> str:
    """A well-formed token that another key has signed; each number gives another one."""
    return make_token(algorithm, number=1, jti=f"forged-{number}")


def admitted(failures: FailedVerifications, count: int, address: str = STRANGER) -> int:
    return sum(failures.admit(address) for _ in range(count))


def reasons(verifier: TokenVerifier, tokens: list[str], address: str = STRANGER) -> list[str]:
    return [reason(verifier.verify(token, address)) or "" for token in tokens]


def use_up(verifier: TokenVerifier, address: str = STRANGER) -> None:
    tokens = [forged(number) for number in range(100, 100 + FAILURES + 1)]
    assert reasons(verifier, tokens, address)[-1] == "TOKEN_NOT_VERIFIED"


def asked(failures: FailedVerifications, count: int, asker: str, address: str) -> int:
    return sum(failures.admit(address, asker) for _ in range(count))


@pytest.mark.parametrize("algorithm", ALL_ALGORITHMS)
def test_an_address_may_fail_so_often(clock: FakeClock, algorithm: str) -> None:
    verifier = make_verifier(algorithm, failures=bound(clock))
    tokens = [make_token(algorithm, jti=f"{each}")[:-9] + "A" * 9 for each in range(FAILURES + 2)]
    found = reasons(verifier, tokens)
    assert found == ["TOKEN_SIGNATURE_INVALID"] * FAILURES + ["TOKEN_NOT_VERIFIED"] * 2


def test_what_passed_before_passes_on_and_a_newcomer_waits(clock: FakeClock) -> None:
    verifier = make_verifier(failures=bound(clock))
    known, new = make_token(jti="known"), make_token(jti="new")
    assert isinstance(verifier.verify(known, STRANGER), Claims)
    use_up(verifier)
    assert isinstance(verifier.verify(known, STRANGER), Claims)
    assert reason(verifier.verify(new, STRANGER)) == "TOKEN_NOT_VERIFIED"
    assert verifier.failures is not None
    clock.now_ns += verifier.failures.retry_after_ms * 1_000_000
    assert isinstance(verifier.verify(new, STRANGER), Claims)


def test_another_address_never_waits(clock: FakeClock) -> None:
    verifier = make_verifier(failures=bound(clock, in_all=FAILURES))
    use_up(verifier)
    assert isinstance(verifier.verify(make_token(), OTHER), Claims)
    assert reasons(verifier, [forged(0)], OTHER) == ["TOKEN_SIGNATURE_INVALID"]


def test_success_costs_nothing(clock: FakeClock) -> None:
    verifier = make_verifier(failures=bound(clock, in_all=2))
    for number in range(10 * FAILURES):
        assert isinstance(verifier.verify(make_token(jti=f"{number}"), STRANGER), Claims)
    # Neither its own address has less left, nor all have.
    assert reasons(verifier, [forged(0), forged(1)]) == ["TOKEN_SIGNATURE_INVALID"] * 2


def test_without_an_address_nobody_pays(clock: FakeClock) -> None:
    verifier = make_verifier(failures=bound(clock))
    found = [reason(verifier.verify(forged(number))) for number in range(10 * FAILURES)]
    assert set(found) == {"TOKEN_SIGNATURE_INVALID"}


@pytest.mark.parametrize(
    "claims", [{"exp": NOW_S - 1}, {"nbf": NOW_S + 9}, {"iss": "x"}, {"aud": "x"}, {"sub": 7}]
)
def test_a_good_signature_under_what_is_refused_is_paid_for(
    clock: FakeClock, claims: dict[str, Any]
) -> None:
    verifier = make_verifier(failures=bound(clock))
    tokens = [make_token(jti=f"{each}", **claims) for each in range(FAILURES + 1)]
    assert reasons(verifier, tokens)[-1] == "TOKEN_NOT_VERIFIED"


def test_what_is_refused_unverified_is_not_paid_for(clock: FakeClock) -> None:
    verifier = make_verifier(failures=bound(clock))
    head, payload, signature = make_token().split(".")
    cheap = {
        "a.b.c": "TOKEN_MALFORMED",
        "": "TOKEN_MALFORMED",
        f"{head}.{payload}=.{signature}": "TOKEN_MALFORMED",
        f"{head}.{payload}.{signature}=": "TOKEN_MALFORMED",
        make_token(header={"kid": "k2"}): "TOKEN_KEY_UNKNOWN",
        make_token(header={"alg": "none"}): "TOKEN_ALGORITHM_MISMATCH",
    }
    for _ in range(10):
        assert reasons(verifier, list(cheap)) == list(cheap.values())
    use_up(verifier)
    for _ in range(2):
        assert reasons(verifier, list(cheap)) == list(cheap.values())
        verifier.clear_cache()


def test_no_number_of_what_is_refused_unverified_has_a_refusal_forgotten(
    clock: FakeClock,
) -> None:
    verifier = make_verifier(failures=bound(clock))
    assert reasons(verifier, [forged(0)]) == ["TOKEN_SIGNATURE_INVALID"]
    use_up(verifier)
    message, _, signature = forged(1).rpartition(".")
    for number in range(3_000):
        assert set(reasons(verifier, [f"{message}.{signature}{number:04}="] * 3)) == {
            "TOKEN_MALFORMED"
        }
    assert reasons(verifier, [forged(0)]) == ["TOKEN_SIGNATURE_INVALID"]


def test_one_token_is_paid_for_once(clock: FakeClock) -> None:
    verifier = make_verifier(failures=bound(clock))
    assert reasons(verifier, [forged(0)] * 10) == ["TOKEN_SIGNATURE_INVALID"] * 10
    use_up(verifier)
    assert reasons(verifier, [forged(0)]) == ["TOKEN_SIGNATURE_INVALID"]
    nothing_kept = make_verifier(failures=bound(clock), cache_entries=0)
    assert reasons(nothing_kept, [forged(0)] * 10)[-1] == "TOKEN_NOT_VERIFIED"


def test_a_refusal_is_remembered_no_longer_than_it_is_true(clock: FakeClock) -> None:
    revocations = Revocations(clock=clock)
    verifier = make_verifier(clock=clock, revocations=revocations)
    early = make_token(nbf=NOW_S + 5)
    assert reasons(verifier, [early, early]) == ["TOKEN_NOT_YET_VALID"] * 2
    clock.now_ns += 5 * SECOND_NS
    assert isinstance(verifier.verify(early), Claims)
    clock.now_ns += 600 * SECOND_NS
    assert reasons(verifier, [early, early]) == ["TOKEN_EXPIRED"] * 2
    # Signed with what is not the key until it is.
    assert reasons(verifier, [forged(0)]) == ["TOKEN_SIGNATURE_INVALID"]
    verifier.replace_keyset(Keyset([verification_key("HS256", number=1)]))
    clock.now_ns -= 600 * SECOND_NS
    assert isinstance(verifier.verify(forged(0)), Claims)


def test_an_issuer_that_becomes_known_is_asked(clock: FakeClock) -> None:
    verifier = make_verifier(clock=clock)
    foreign = make_token(number=1, iss="https://other.example")
    assert reasons(verifier, [foreign]) == ["TOKEN_SIGNATURE_INVALID"]
    other = make_verifier(
        keyset=Keyset([verification_key("HS256", number=1)]),
        clock=clock,
        issuers=["https://other.example"],
    )
    verifier.delegate({"https://other.example": other})
    assert isinstance(verifier.verify(foreign), Claims)


def test_tokens_of_other_issuers_are_paid_for_from_the_same(clock: FakeClock) -> None:
    failures = bound(clock)
    issuer = "https://other.example"
    verifier = make_verifier(failures=failures)
    verifier.delegate({issuer: make_verifier(issuers=[issuer], failures=failures)})
    tokens = [make_token(number=1, iss=issuer, jti=f"{each}") for each in range(FAILURES)]
    assert reasons(verifier, tokens) == ["TOKEN_SIGNATURE_INVALID"] * FAILURES
    assert reasons(verifier, [forged(0)]) == ["TOKEN_NOT_VERIFIED"]


@pytest.mark.parametrize(
    ("address", "same", "other"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2%eth0", "2001:db8:0:2::1"),
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ("unix:", "unix:", "ünix"),
    ],
)
def test_who_counts_as_one(clock: FakeClock, address: str, same: str, other: str) -> None:
    failures = bound(clock)
    assert admitted(failures, FAILURES, address) == FAILURES
    assert admitted(failures, 1, same) == 0
    assert admitted(failures, 1, other) == 1


def test_once_all_have_failed_enough_those_who_failed_wait(clock: FakeClock) -> None:
    failures = bound(clock, in_all=5)
    for number in range(5):
        assert failures.admit(f"198.51.100.{number}")
    assert [failures.admit(f"198.51.100.{number}") for number in range(5)] == [False] * 5
    for number in range(5, 200):
        assert failures.admit(f"198.51.100.{number}")
    # What was not admitted was not taken: each has the rest of its own when others have paused.
    clock.now_ns += 2 * SECOND_NS
    assert admitted(failures, FAILURES, "198.51.100.1") == FAILURES - 1


def test_a_flood_of_addresses_does_not_make_the_worst_forgotten(clock: FakeClock) -> None:
    failures = bound(clock, failures=100, cells=64)
    assert admitted(failures, 101) == 100
    for number in range(5_000):
        failures.admit(f"10.0.{number >> 8}.{number & 255}")
    assert admitted(failures, 1) == 0


def test_other_algorithms_are_no_bound(clock: FakeClock) -> None:
    rule = Rule("fixed_window", 1, SECOND_NS, identity="x")
    with pytest.raises(ValueError, match="gcra"):
        FailedVerifications(Limiter(64, clock=clock), per_address=rule)


def test_who_asks_pays_wherever_it_asks_from(clock: FakeClock) -> None:
    failures = bound(clock)
    assert asked(failures, FAILURES, "users/a", STRANGER) == FAILURES
    assert asked(failures, 1, "users/a", OTHER) == 0
    # Nothing was taken of the address for what was refused.
    assert asked(failures, FAILURES + 1, "users/b", OTHER) == FAILURES


def test_an_address_pays_whoever_asks_from_it(clock: FakeClock) -> None:
    failures = bound(clock)
    assert sum(asked(failures, 1, f"users/{each}", STRANGER) for each in range(9)) == FAILURES
    # Nor of who asks.
    assert asked(failures, FAILURES + 1, "users/8", OTHER) == FAILURES


def test_what_is_asked_about_is_no_failure_of_who_calls(clock: FakeClock) -> None:
    failures = bound(clock)
    assert asked(failures, FAILURES + 1, "users/a", STRANGER) == FAILURES
    assert admitted(failures, FAILURES + 1) == FAILURES


def test_who_asks_in_vain_is_told_so_and_success_costs_nothing(clock: FakeClock) -> None:
    verifier = make_verifier(failures=bound(clock))

    def ask(token: str) -> str | None:
        return reason(verifier.verify(token, STRANGER, asker="users/a"))

    for number in range(10 * FAILURES):
        assert ask(make_token(jti=f"{number}")) is None
    found = [ask(forged(number)) for number in range(FAILURES + 1)]
    assert found == ["TOKEN_SIGNATURE_INVALID"] * FAILURES + ["TOKEN_NOT_VERIFIED"]
    assert verifier.failures is not None
    clock.now_ns += verifier.failures.asker_retry_after_ms * 1_000_000
    assert ask(make_token(jti="late")) is None


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": NOW_S - 3600, "iat": NOW_S - 7200}, "TOKEN_EXPIRED"),
        ({"aud": "others"}, "TOKEN_AUDIENCE_MISMATCH"),
        ({"nbf": NOW_S + 3600}, "TOKEN_NOT_YET_VALID"),
    ],
)
def test_who_asks_pays_nothing_for_what_was_issued_and_its_bearer_does(
    clock: FakeClock, claims: dict[str, Any], said: str
) -> None:
    tokens = [make_token(jti=f"{number}", **claims) for number in range(FAILURES + 1)]
    asking = make_verifier(failures=bound(clock))
    found = [reason(asking.verify(token, STRANGER, asker="users/a")) for token in tokens]
    assert found == [said] * (FAILURES + 1)
    bearing = make_verifier(failures=bound(clock))
    assert reasons(bearing, tokens) == [said] * FAILURES + ["TOKEN_NOT_VERIFIED"]


def test_askers_wait_too_once_all_have_failed_enough(clock: FakeClock) -> None:
    failures = bound(clock, in_all=2)
    assert asked(failures, 3, "users/a", STRANGER) == 2
    assert asked(failures, 1, "users/b", OTHER) == 1


def test_a_newcomer_gets_in_at_once_where_others_flood(clock: FakeClock) -> None:
    verifier = make_verifier(failures=bound(clock, newcomers=5))
    failures = verifier.failures
    assert failures is not None
    flood = call_by(1)
    assert sum(failures.admit(flood) for _ in range(1000)) == FAILURES + 1
    assert failures.admit(call_by(2))
    assert not failures.admit(call_by(2))


def test_a_connection_has_its_next_turn_when_it_is_told(clock: FakeClock) -> None:
    failures = bound(clock, newcomers=5)
    assert sum(failures.admit(call_by(1)) for _ in range(1000)) == FAILURES + 1
    assert failures.retry_after_ms == 1000
    clock.now_ns += SECOND_NS
    assert failures.admit(call_by(1))
    assert not failures.admit(call_by(1))


def test_so_many_are_verified_of_an_address_however_many_connections_it_has(
    clock: FakeClock,
) -> None:
    failures = bound(clock, newcomers=5)
    assert sum(failures.admit(call_by(port)) for port in range(1000)) == FAILURES + 5
    # Who was refused has kept its turn.
    clock.now_ns += SECOND_NS // 5
    assert failures.admit(call_by(999))


def test_callers_behind_a_proxy_have_turns_of_their_own(clock: FakeClock) -> None:
    failures = bound(clock, newcomers=5)
    for address in (STRANGER, OTHER):
        assert sum(failures.admit(call_by(1, address)) for _ in range(1000)) == FAILURES + 1


def test_callers_of_one_connection_are_told_apart_by_their_addresses(clock: FakeClock) -> None:
    failures = bound(clock, failures=1, newcomers=5)
    connection = Connection(1)
    callers = (STRANGER, STRANGER, OTHER, OTHER, STRANGER, OTHER)
    # One of each address, and then one of the connection for it.
    found = [failures.admit(call_on(connection, each)) for each in callers]
    assert found == [True] * 4 + [False] * 2


def test_newcomers_do_not_exceed_what_all_may_fail(clock: FakeClock) -> None:
    failures = bound(clock, in_all=FAILURES + 1, newcomers=5)
    assert sum(failures.admit(call_by(port)) for port in range(1000)) == FAILURES + 1
    clock.now_ns += SECOND_NS // (FAILURES + 1) + 1
    assert failures.admit(call_by(999))


def test_whoever_gets_in_leaves_the_turn_to_others(clock: FakeClock) -> None:
    verifier = make_verifier(failures=bound(clock, newcomers=1))
    use_up(verifier)
    guard = AuthenticationGuard(verifier, REJECTIONS)
    for number in range(10):
        assert guard.check(call_by(1, token=make_token(jti=f"{number}"))) is None
    refused = [guard.check(call_by(1, token=forged(number))) for number in range(2)]
    assert refused == [REJECTIONS["TOKEN_SIGNATURE_INVALID"], REJECTIONS["TOKEN_NOT_VERIFIED"]]


def test_newcomers_are_bounded_in_both_ways(clock: FakeClock) -> None:
    rule = Rule("gcra", 1, SECOND_NS, identity="x")
    with pytest.raises(ValueError, match="newcomers"):
        FailedVerifications(Limiter(64, clock=clock), per_address=rule, newcomers=rule)
