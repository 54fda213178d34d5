import pytest

from blrcs.domain.session import SessionLifetime


def test_a_session_is_extended_up_to_its_end():
    lifetime = SessionLifetime(refresh_ns=10, total_ns=25)
    session = lifetime.open("s", "alice", display_name="", address="", now_ns=100)

    assert (session.expire_time_ns, session.end_time_ns) == (110, 125)
    assert lifetime.extend(session.end_time_ns, now_ns=109) == 119
    assert lifetime.extend(session.end_time_ns, now_ns=118) == 125


@pytest.mark.parametrize(("refresh_ns", "total_ns"), [(0, 10), (11, 10), (-1, 10)])
def test_impossible_lifetimes_are_refused(refresh_ns, total_ns):
    with pytest.raises(ValueError, match="session"):
        SessionLifetime(refresh_ns=refresh_ns, total_ns=total_ns)
