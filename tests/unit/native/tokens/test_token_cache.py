"""Remembered tokens: bounded, and never better than verifying anew."""

import gc
import sys
import weakref
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.keys import Keyset
from blrcs_native.tokens.refusal import REFUSALS
from blrcs_native.tokens.revocations import Revocations
from tests.unit.native.tokens.token_factory import (
    ISSUER,
    NOW_NS,
    NOW_S,
    FakeClock,
    encode,
    make_token,
    make_verifier,
    reason,
    signing_key,
    verification_key,
)
from tests.unit.native.tokens.token_model import Revoked, Trust, decide

TOKENS = [
    make_token(
        number=key,
        header={"kid": f"k{key}"},
        sub=f"users/{user}",
        jti=f"token-{user}-{key}",
        sid=f"session-{user % 2}",
        exp=NOW_S + 20 * (user + 1),
        iat=NOW_S - user,
    )
    for user in range(4)
    for key in (1, 2)
]
KEYSETS = [
    {"k1": 1},
    {"k1": 1, "k2": 2},
    {"k1": 2, "k2": 1},
]


class RememberingVerifier(RuleBasedStateMachine):
    """A verifier with room for four tokens, beside a model that remembers nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.revocations = Revocations(clock=self.clock)
        self.revoked = Revoked()
        self.numbers = KEYSETS[1]
        self.verifier = make_verifier(
            keyset=self.keyset(),
            clock=self.clock,
            revocations=self.revocations,
            cache_entries=4,
            leeway_s=1,
        )

    def keyset(self) -> Keyset:
        return Keyset(
            [verification_key("HS256", kid, number) for kid, number in self.numbers.items()]
        )

    @rule(token=st.sampled_from(TOKENS), as_bytes=st.booleans())
    def verify(self, token: str, as_bytes: bool) -> None:
        import hashlib
        import hmac

        def judge_by(number: int):
            secret = signing_key("HS256", number)
            return lambda message, signature: hmac.compare_digest(
                hmac.new(secret, message, hashlib.sha256).digest(), signature
            )

        trust = Trust(
            keys={kid: ("HS256", judge_by(number)) for kid, number in self.numbers.items()},
            leeway_s=1,
        )
        expected = decide(token.encode(), trust, self.clock.now_ns, self.revoked)
        answer = self.verifier.verify(token.encode() if as_bytes else str(token))
        if isinstance(expected, str):
            assert reason(answer) == expected
        else:
            assert isinstance(answer, Claims)
            assert dict(answer.members) == expected

    @rule(seconds=st.integers(-5, 30))
    def wait(self, seconds: int) -> None:
        self.clock.now_ns += seconds * 10**9

    @rule(number=st.integers(0, 1))
    def revoke_session(self, number: int) -> None:
        name = f"session-{number}"
        self.revoked.sessions.add((ISSUER, name))
        self.revocations.revoke_session(ISSUER, name, expires_at_ns=NOW_NS + 10**15)

    @rule(user=st.integers(0, 3), key=st.integers(1, 2))
    def revoke_token(self, user: int, key: int) -> None:
        name = f"token-{user}-{key}"
        self.revoked.tokens.add((ISSUER, name))
        self.revocations.revoke_token(ISSUER, name, expires_at_ns=NOW_NS + 10**15)

    @rule(user=st.integers(0, 3), seconds=st.integers(-4, 1))
    def revoke_subject(self, user: int, seconds: int) -> None:
        name, before_ns = (ISSUER, f"users/{user}"), NOW_NS + seconds * 10**9
        self.revoked.subjects[name] = max(self.revoked.subjects.get(name, 0), before_ns)
        self.revocations.revoke_subject(
            *name, issued_before_ns=before_ns, expires_at_ns=NOW_NS + 10**15
        )

    @rule(numbers=st.sampled_from(KEYSETS))
    def replace_keyset(self, numbers: dict[str, int]) -> None:
        self.numbers = numbers
        self.verifier.replace_keyset(self.keyset())

    @invariant()
    def is_bounded(self) -> None:
        assert self.verifier.cached_count <= 4


RememberingVerifier.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None
)
TestRememberingVerifier = RememberingVerifier.TestCase


def test_a_token_seen_before_is_the_same_object_and_needs_no_signature() -> None:
    verifier = make_verifier()
    token = make_token()
    first = verifier.verify(token)
    assert verifier.verify("".join(list(token))) is first
    assert verifier.verify(token.encode()) is not first
    assert verifier.cached_count == 2
    verifier.clear_cache()
    assert verifier.cached_count == 0
    assert verifier.verify(token) is not first


def test_without_entries_nothing_is_remembered() -> None:
    verifier = make_verifier(cache_entries=0)
    token = make_token()
    assert verifier.verify(token) is not verifier.verify(token)
    assert verifier.cached_count == 0


def test_refused_tokens_are_never_remembered() -> None:
    verifier = make_verifier()
    for token in (make_token(exp=NOW_S), make_token(number=1), make_token(aud="x"), "a.b.c", ""):
        assert reason(verifier.verify(token)) is not None
    assert verifier.cached_count == 0


def test_tokens_in_use_outlive_tokens_seen_once() -> None:
    verifier = make_verifier(cache_entries=4)
    steady = make_token()
    first = verifier.verify(steady)
    for number in range(20):
        verifier.verify(make_token(jti=f"once-{number}"))
        assert verifier.verify(steady) is first
        assert verifier.cached_count <= 4


def test_a_token_that_is_no_longer_used_is_given_up() -> None:
    verifier = make_verifier(cache_entries=4)
    claims = verifier.verify(make_token())
    for number in range(4):
        verifier.verify(make_token(jti=f"once-{number}"))
    assert verifier.verify(make_token()) is not claims


@pytest.mark.parametrize("earlier_uses", [0, 1])
def test_a_keyset_replaced_while_a_token_is_checked_is_obeyed_next(earlier_uses: int) -> None:
    """The clock stands for whatever else may run in between."""
    other = Keyset([verification_key("HS256", number=1)])
    token = make_token()
    replacing = False

    def rotate() -> int:
        if replacing:
            verifier.replace_keyset(other)
        return NOW_NS

    verifier = make_verifier(clock=rotate, revocations=Revocations(clock=FakeClock()))
    for _ in range(earlier_uses):
        verifier.verify(token)
    replacing = True
    verifier.verify(token)
    replacing = False
    assert verifier.verify(token) is REFUSALS["TOKEN_SIGNATURE_INVALID"]


def test_a_token_in_the_older_half_is_not_carried_over_to_another_keyset() -> None:
    token = make_token()
    replacing = False

    def rotate() -> int:
        if replacing:
            verifier.replace_keyset(Keyset([verification_key("HS256", number=1)]))
        return NOW_NS

    verifier = make_verifier(
        clock=rotate, cache_entries=2, revocations=Revocations(clock=FakeClock())
    )
    verifier.verify(token)
    verifier.verify(make_token(jti="pushes the first into the older half"))
    replacing = True
    verifier.verify(token)
    replacing = False
    assert verifier.verify(token) is REFUSALS["TOKEN_SIGNATURE_INVALID"]


def test_each_further_revocation_is_obeyed_by_tokens_checked_after_the_one_before() -> None:
    verifier = make_verifier()
    names = [f"token-{number}" for number in range(5)]
    tokens = {name: make_token(jti=name) for name in names}
    for revoked, name in enumerate(names):
        for other in names[revoked:]:
            assert isinstance(verifier.verify(tokens[other]), Claims)
        verifier.revocations.revoke_token(ISSUER, name, expires_at_ns=2 * NOW_NS)
        assert verifier.verify(tokens[name]) is REFUSALS["TOKEN_REVOKED"]


def test_a_revocation_during_the_check_is_obeyed_at_the_next_use() -> None:
    revocations = Revocations(clock=FakeClock())
    revoking = True

    def revoke() -> int:
        if revoking:
            revocations.revoke_token(ISSUER, "token-1", expires_at_ns=2 * NOW_NS)
        return NOW_NS

    verifier = make_verifier(clock=revoke, revocations=revocations)
    assert verifier.verify(make_token()) is REFUSALS["TOKEN_REVOKED"]
    revoking = False
    assert verifier.verify(make_token()) is REFUSALS["TOKEN_REVOKED"]


def test_a_clock_that_fails_lets_nothing_pass() -> None:
    failing = False

    def clock() -> int:
        if failing:
            raise OSError("no clock")
        return NOW_NS

    verifier = make_verifier(clock=clock)
    verifier.verify(make_token())
    failing = True
    with pytest.raises(OSError, match="no clock"):
        verifier.verify(make_token())


def test_a_verifier_in_a_cycle_is_collected() -> None:
    class Owner:
        pass

    owner = Owner()
    owner.clock = FakeClock()
    owner.verifier = make_verifier(clock=owner.clock)
    owner.clock.verifier = owner.verifier
    owner.verifier.verify(make_token())
    gone = weakref.ref(owner.clock)
    del owner
    gc.collect()
    assert gone() is None


def unfit_tokens() -> dict[str, str]:
    """Tokens that are refused unverified, and why."""
    head, payload, signature = make_token().split(".")
    return {
        f"{head}.{payload}.{signature}=": "TOKEN_MALFORMED",
        f"{head}.{payload}=.{signature}": "TOKEN_MALFORMED",
        f"{head}=.{payload}.{signature}": "TOKEN_MALFORMED",
        f"{head}.{payload}": "TOKEN_MALFORMED",
        f"{encode(b'{')}.{payload}.{signature}": "TOKEN_HEADER_INVALID",
        make_token(header={"crit": ["x"]}): "TOKEN_CRITICAL_UNSUPPORTED",
        make_token(header={"typ": "x"}): "TOKEN_TYPE_UNACCEPTED",
        make_token(header={"alg": "HS512"}): "TOKEN_ALGORITHM_MISMATCH",
        make_token(header={"kid": "k2"}): "TOKEN_KEY_UNKNOWN",
    }


@pytest.mark.parametrize(("token", "why"), unfit_tokens().items())
def test_what_is_refused_unverified_is_kept_from_the_second_time_on(token: str, why: str) -> None:
    verifier = make_verifier()
    references = sys.getrefcount(token)
    assert reason(verifier.verify(token)) == why
    assert sys.getrefcount(token) == references
    for _ in range(3):
        assert reason(verifier.verify(token)) == why
    assert (sys.getrefcount(token) > references) == (why != "TOKEN_KEY_UNKNOWN")
    nothing_kept = make_verifier(cache_entries=0)
    references = sys.getrefcount(token)
    for _ in range(3):
        assert reason(nothing_kept.verify(token)) == why
    assert sys.getrefcount(token) == references


def test_so_many_that_were_refused_unverified_are_kept() -> None:
    verifier = make_verifier()
    gc.collect()
    before = sys.getallocatedblocks()
    for number in range(10_000):
        for _ in range(2):
            verifier.verify(f"{number}")
    assert sys.getallocatedblocks() - before < 1_100


def test_what_was_refused_unverified_is_judged_anew_by_other_keys() -> None:
    verifier = make_verifier()
    token = make_token("HS512", header={"kid": "k1"})
    unknown = make_token(header={"kid": "k2"})
    for _ in range(3):
        assert reason(verifier.verify(token)) == "TOKEN_ALGORITHM_MISMATCH"
        assert reason(verifier.verify(unknown)) == "TOKEN_KEY_UNKNOWN"
    verifier.replace_keyset(Keyset([*verifier.keyset, verification_key("HS256", "k2")]))
    assert isinstance(verifier.verify(unknown), Claims)
    assert reason(verifier.verify(token)) == "TOKEN_ALGORITHM_MISMATCH"
    verifier.replace_keyset(Keyset([verification_key("HS512")]))
    assert isinstance(verifier.verify(token), Claims)
    for _ in range(3):
        assert reason(verifier.verify(unknown)) == "TOKEN_KEY_UNKNOWN"


def test_what_was_refused_unverified_is_left_to_an_issuer_that_becomes_known() -> None:
    issuer = "https://other.example"
    verifier = make_verifier()
    token = make_token("HS512", iss=issuer)
    for _ in range(3):
        assert reason(verifier.verify(token)) == "TOKEN_ALGORITHM_MISMATCH"
    verifier.delegate({issuer: make_verifier("HS512", issuers=[issuer])})
    assert isinstance(verifier.verify(token), Claims)


def test_a_header_that_has_chosen_a_key_chooses_by_the_keys_of_now() -> None:
    keys = {kid: verification_key("HS256", kid, number) for number, kid in enumerate("abc")}
    verifier = make_verifier(keyset=Keyset([keys["a"], keys["b"]]))

    def found(kid: str, number: int, **header: object) -> str | None:
        token = make_token(number=number, header={"kid": kid, **header}, jti=f"{next(serial)}")
        return reason(verifier.verify(token))

    serial = count()
    # More of them than are kept, each often enough to be.
    for _ in range(3):
        for more in range(20):
            assert found("a", 0, more=more) is None
            assert found("b", 1, more=more) is None
            assert found("b", 0, more=more) == "TOKEN_SIGNATURE_INVALID"
            assert found("c", 2, more=more) == "TOKEN_KEY_UNKNOWN"
    verifier.replace_keyset(Keyset([*keys.values()]))
    assert [found(kid, number) for number, kid in enumerate("abc")] == [None] * 3
    verifier.replace_keyset(Keyset([keys["a"], verification_key("HS256", "b", 7)]))
    for more in range(20):
        assert found("a", 0, more=more) is None
        assert found("b", 7, more=more) is None
        assert found("b", 1, more=more) == "TOKEN_SIGNATURE_INVALID"
        assert found("c", 2, more=more) == "TOKEN_KEY_UNKNOWN"
