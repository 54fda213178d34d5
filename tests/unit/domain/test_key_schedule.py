import pytest

from blrcs.domain.errors import FailedPreconditionError, NotFoundError
from blrcs.domain.key_schedule import KeySchedule, KeyState, ScheduledKey

OVERLAP = 100


def key(kid, sign_time, retire_time=None):
    return ScheduledKey(
        kid=kid, create_time_ns=sign_time, sign_time_ns=sign_time, retire_time_ns=retire_time
    )


def states(schedule, now):
    return [str(schedule.state(each, now)) for each in schedule.keys]


def published(schedule, now):
    return [each.kid for each in schedule.published(now)]


@pytest.fixture
def schedule():
    return KeySchedule((key("a", 0), key("b", 1000)), OVERLAP)


@pytest.mark.parametrize(
    ("now", "expected", "shown"),
    [
        (0, ["active", "next"], ["a", "b"]),
        (999, ["active", "next"], ["a", "b"]),
        (1000, ["retiring", "active"], ["a", "b"]),
        (1099, ["retiring", "active"], ["a", "b"]),
        (1100, ["expired", "active"], ["b"]),
    ],
)
def test_a_key_verifies_until_what_it_signed_has_expired(schedule, now, expected, shown):
    assert states(schedule, now) == expected
    assert published(schedule, now) == shown
    assert schedule.signer(now).kid == ("a" if now < 1000 else "b")


def test_a_clock_that_is_behind_all_keys_finds_the_first(schedule):
    late = KeySchedule((key("a", 500), key("b", 1000)), OVERLAP)

    assert late.signer(0).kid == "a"
    assert states(late, 0) == ["active", "next"]


def test_one_key_waits_at_a_time_and_expired_ones_go(schedule):
    with pytest.raises(FailedPreconditionError) as refused:
        schedule.with_key(key("c", 2000), 999)
    assert refused.value.reason == "KEY_WAITS"

    assert [each.kid for each in schedule.with_key(key("c", 2000), 1000).keys] == ["a", "b", "c"]
    assert [each.kid for each in schedule.with_key(key("c", 2000), 1100).keys] == ["b", "c"]


def test_the_key_that_signs_is_retired_by_force_alone(schedule):
    with pytest.raises(FailedPreconditionError) as refused:
        schedule.without("a", 10, successor=key("c", 10))
    assert refused.value.reason == "KEY_SIGNS"

    forced = schedule.without("a", 10, successor=key("c", 10), force=True)

    # What waits signs at once, and the spare one is not needed.
    assert states(forced, 10) == ["retired", "active"]
    assert published(forced, 10) == ["b"]


def test_where_nothing_waits_the_successor_signs_and_not_what_signed_before(schedule):
    forced = schedule.without("b", 5000, successor=key("c", 5000), force=True)

    assert forced.signer(5000).kid == "c"
    assert states(forced, 5000) == ["retiring", "retired", "active"]


def test_others_are_retired_as_they_are(schedule):
    spare = key("c", 10)
    assert states(schedule.without("b", 10, successor=spare), 10) == ["active", "retired"]
    assert states(schedule.without("a", 1050, successor=spare), 1050) == ["retired", "active"]
    again = schedule.without("a", 1050, successor=spare)
    assert again.without("a", 1060, successor=spare) is again
    with pytest.raises(NotFoundError):
        schedule.without("x", 10, successor=spare)


def test_an_end_is_told_as_soon_as_it_is_known(schedule):
    first, second = schedule.keys
    assert schedule.end_time_ns(first) == 1100
    assert schedule.end_time_ns(second) is None
    assert schedule.end_time_ns(key("r", 0, 7)) == 7
    assert schedule.next(0) is second
    assert schedule.next(1000) is None
    assert KeyState.NEXT == "next"


def test_schedules_are_merged_alike_whichever_comes_first():
    one = KeySchedule((key("a", 0), key("b", 2000), key("d", 1000, 1500)), OVERLAP)
    other = KeySchedule((key("b", 500), key("c", 600), key("d", 1000, 1200)), OVERLAP)
    merged = one.merged(other, 550)
    assert merged == other.merged(one, 550) == merged.merged(one, 550)
    assert {each.kid: (each.sign_time_ns, each.retire_time_ns) for each in merged.keys} == {
        "a": (0, None),
        "b": (500, None),
        "c": (600, None),
        "d": (1000, 1200),
    }


def test_what_has_expired_is_not_merged(schedule):
    assert [each.kid for each in schedule.merged(schedule, 1100).keys] == ["b"]


def test_all_may_be_retired_after_a_merge():
    one = KeySchedule((key("a", 0, 10), key("b", 0)), OVERLAP)
    other = KeySchedule((key("a", 0), key("b", 0, 10)), OVERLAP)
    merged = one.merged(other, 20)
    assert not merged.has_live_keys
    assert one.has_live_keys
    assert [each.retire_time_ns for each in merged.keys] == [10, 10]
