"""What positions cover, and what tokens can be read as."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.database.replicas.mariadb import GtidPosition, GtidPositions
from blrcs.database.replicas.postgresql import WalPosition, WalPositions, end_of_record
from blrcs.database.replicas.samples import NEVER_S, Samples

WAL, GTID = WalPositions(), GtidPositions()
LSNS = st.integers(min_value=0, max_value=2**64 - 1)


@given(LSNS, LSNS)
def test_who_is_further_in_the_log_covers_who_is_not(one: int, other: int) -> None:
    assert WalPosition(one).covers(WalPosition(other)) is (one >= other)
    assert WAL.parse(WalPosition(one).token) == WalPosition(one)


@pytest.mark.parametrize(
    "token", ["", "wal", "wal.", "wal.G", "wal.-1", "wal.1 ", "gtid.0-1-1", "wal." + "1" * 17]
)
def test_what_is_no_place_in_the_log(token: str) -> None:
    assert WAL.parse(token) is None


@pytest.mark.parametrize(
    ("lsn", "end"),
    [
        (0x3000000, 0x3000000),
        (0x3000028, 0x3000000),  # behind the head of a segment's first page
        (0x3002018, 0x3002000),  # behind that of any other page
        (0x3002020, 0x3002020),
    ],
)
def test_the_head_of_a_page_is_no_record(lsn: int, end: int) -> None:
    assert end_of_record(lsn) == end


def gtid(text: str) -> GtidPosition:
    position = GtidPosition.read(text)
    assert position is not None
    return position


@pytest.mark.parametrize(
    ("one", "other", "covers"),
    [
        ("0-1-7", "0-1-7", True),
        ("0-1-8", "0-2-7", True),
        ("0-1-6", "0-1-7", False),
        ("0-1-9", "1-1-1", False),
        ("0-1-9,1-1-1", "1-1-1,0-1-9", True),
        ("0-1-9,1-1-1", "1-1-2,0-1-9", False),
        ("0-1-10", "0-1-9", True),
        ("0-1-1", "", True),
    ],
)
def test_transactions_of_all_domains_are_counted(one: str, other: str, *, covers: bool) -> None:
    assert gtid(one).covers(gtid(other)) is covers


def test_a_token_of_transactions_is_read_again() -> None:
    position = gtid("0-1-9,1-1-1")
    assert GTID.parse(position.token) == position


@pytest.mark.parametrize(
    "token",
    ["", "0-1-1", "gtid.x", "gtid.0-1", "gtid.0-1-1,", "gtid.0-1-1-1", "gtid.0-1-" + "9" * 300],
)
def test_what_is_no_list_of_transactions(token: str) -> None:
    assert GTID.parse(token) is None


class TestSamples:
    def test_what_has_all_is_as_new_as_the_last_look(self) -> None:
        samples = Samples(10)
        for asked_s, lsn in enumerate((100, 100, 200, 200)):
            samples.add(asked_s, WalPosition(lsn))
        assert samples.as_of_s(WalPosition(99)) == NEVER_S
        assert samples.as_of_s(WalPosition(100)) == samples.as_of_s(WalPosition(199)) == 1
        assert samples.as_of_s(WalPosition(200)) == samples.newest_s == 3

    def test_those_that_are_too_old_are_forgotten(self) -> None:
        samples = Samples(10)
        samples.add(0, WalPosition(1))
        samples.add(11, WalPosition(2))
        assert samples.as_of_s(WalPosition(1)) == NEVER_S

    def test_without_any_nothing_is_known(self) -> None:
        samples = Samples(10)
        assert samples.newest_s == samples.as_of_s(WalPosition(1)) == NEVER_S
