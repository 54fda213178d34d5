"""Revocations: whom they name, how long they are kept."""

import pytest

from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.revocations import Revocations
from tests.unit.native.tokens.token_factory import (
    ISSUER,
    NOW_NS,
    NOW_S,
    FakeClock,
    make_token,
    make_verifier,
)

LATER_NS = NOW_NS + 60 * 10**9
GRACE_NS = 300 * 10**9


def claims_of_token(**claims: object) -> Claims:
    answer = make_verifier().verify(make_token(**claims))
    assert isinstance(answer, Claims)
    return answer


def test_nothing_is_revoked_at_first() -> None:
    revocations = Revocations(clock=FakeClock())
    assert revocations.is_revoked(claims_of_token()) is False
    assert revocations.generation == 0
    assert len(revocations) == 0


def test_ids_are_those_of_their_issuer() -> None:
    revocations = Revocations(clock=FakeClock())
    for issuer in ("https://other.example", ""):
        revocations.revoke_session(issuer, "session-1", expires_at_ns=LATER_NS)
        revocations.revoke_token(issuer, "token-1", expires_at_ns=LATER_NS)
        revocations.revoke_subject(
            issuer, "users/7", issued_before_ns=LATER_NS, expires_at_ns=LATER_NS
        )
    assert not revocations.is_revoked(claims_of_token())


def test_kinds_of_ids_are_kept_apart() -> None:
    revocations = Revocations(clock=FakeClock())
    revocations.revoke_session(ISSUER, "token-1", expires_at_ns=LATER_NS)
    revocations.revoke_token(ISSUER, "users/7", expires_at_ns=LATER_NS)
    revocations.revoke_subject(
        ISSUER, "session-1", issued_before_ns=LATER_NS, expires_at_ns=LATER_NS
    )
    assert not revocations.is_revoked(claims_of_token())


def test_a_token_without_ids_is_revoked_by_its_subject_alone() -> None:
    revocations = Revocations(clock=FakeClock())
    claims = claims_of_token(sid=..., jti=..., iat=...)
    revocations.revoke_session(ISSUER, "session-1", expires_at_ns=LATER_NS)
    revocations.revoke_token(ISSUER, "token-1", expires_at_ns=LATER_NS)
    assert not revocations.is_revoked(claims)
    revocations.revoke_subject(ISSUER, "users/7", issued_before_ns=1, expires_at_ns=LATER_NS)
    assert revocations.is_revoked(claims)


def test_a_subject_is_revoked_up_to_an_instant() -> None:
    revocations = Revocations(clock=FakeClock())
    claims = claims_of_token(iat=NOW_S)

    def revoke(issued_before_ns: int) -> None:
        revocations.revoke_subject(
            ISSUER, "users/7", issued_before_ns=issued_before_ns, expires_at_ns=LATER_NS
        )

    revoke(NOW_NS)
    assert not revocations.is_revoked(claims)
    revoke(NOW_NS + 1)
    assert revocations.is_revoked(claims)
    revoke(0)
    assert revocations.is_revoked(claims), "a later revocation never takes back an earlier one"


def test_tokens_of_one_second_are_told_apart() -> None:
    revocations = Revocations(clock=FakeClock())
    revocations.revoke_subject(
        ISSUER, "users/7", issued_before_ns=NOW_NS + 5, expires_at_ns=LATER_NS
    )
    assert revocations.is_revoked(claims_of_token(iat=NOW_S, iat_ns=4))
    assert not revocations.is_revoked(claims_of_token(iat=NOW_S, iat_ns=5))
    assert not revocations.is_revoked(claims_of_token(iat=NOW_S, iat_ns=10**9 - 1))


@pytest.mark.parametrize("part", [10**9, -1, 2**70, "9", 9.5, True, None, [], {}])
def test_what_is_no_part_of_a_second_counts_for_nothing(part: object) -> None:
    revocations = Revocations(clock=FakeClock())
    revocations.revoke_subject(
        ISSUER, "users/7", issued_before_ns=NOW_NS + 1, expires_at_ns=LATER_NS
    )
    assert revocations.is_revoked(claims_of_token(iat=NOW_S, iat_ns=part))


def test_every_revocation_is_a_new_generation() -> None:
    revocations = Revocations(clock=FakeClock())
    revocations.revoke_session(ISSUER, "a", expires_at_ns=LATER_NS)
    revocations.revoke_session(ISSUER, "a", expires_at_ns=LATER_NS)
    revocations.revoke_token(ISSUER, "a", expires_at_ns=LATER_NS)
    revocations.revoke_subject(ISSUER, "a", issued_before_ns=1, expires_at_ns=LATER_NS)
    assert revocations.generation == 4
    assert len(revocations) == 3


def test_an_entry_outlives_the_tokens_it_names_and_is_then_dropped() -> None:
    clock = FakeClock()
    revocations = Revocations(clock=clock)
    claims = claims_of_token()
    revocations.revoke_token(ISSUER, "token-1", expires_at_ns=LATER_NS)
    clock.now_ns = LATER_NS + GRACE_NS - 1
    assert revocations.prune() == 0
    assert revocations.is_revoked(claims)
    clock.now_ns += 1
    assert revocations.is_revoked(claims), "time alone lets nothing back in"
    assert revocations.prune() == 1
    assert len(revocations) == 0
    assert not revocations.is_revoked(claims)


def test_revoking_again_lengthens_and_never_shortens() -> None:
    clock = FakeClock()
    revocations = Revocations(clock=clock)
    for expires_at_ns in (LATER_NS, LATER_NS + 5, NOW_NS):
        revocations.revoke_session(ISSUER, "session-1", expires_at_ns=expires_at_ns)
    clock.now_ns = LATER_NS + GRACE_NS + 4
    assert revocations.prune() == 0
    clock.now_ns += 1
    assert revocations.prune() == 1


def test_memory_is_that_of_what_has_not_expired() -> None:
    clock = FakeClock()
    revocations = Revocations(clock=clock)
    for number in range(5000):
        revocations.revoke_token(ISSUER, f"t{number}", expires_at_ns=clock.now_ns - GRACE_NS + 10)
        clock.now_ns += 1
        assert len(revocations) <= 10


@pytest.mark.parametrize("instant", [-1, 2**63, 1.5, True, None, "1"])
def test_instants_are_whole_nanoseconds(instant: object) -> None:
    revocations = Revocations(clock=FakeClock())
    with pytest.raises(ValueError, match="no instant"):
        revocations.revoke_session(ISSUER, "a", expires_at_ns=instant)
    with pytest.raises(ValueError, match="no instant"):
        revocations.revoke_subject(ISSUER, "a", issued_before_ns=instant, expires_at_ns=1)
    assert revocations.generation == 0
    assert len(revocations) == 0


def test_the_latest_instants_do_not_overflow() -> None:
    revocations = Revocations(clock=FakeClock())
    revocations.revoke_subject(
        ISSUER, "users/7", issued_before_ns=2**63 - 1, expires_at_ns=2**63 - 1
    )
    assert revocations.is_revoked(claims_of_token())
