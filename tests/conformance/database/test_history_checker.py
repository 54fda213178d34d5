"""The checker of histories finds each anomaly, and none where there is none."""

import pytest

from blrcs.database.adapter import Isolation
from tests.conformance.database.histories.checker import anomalies
from tests.conformance.database.histories.history import Append, History, Read, Run, Step

RC, RR, SER = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE


def read_steps(text: str) -> list[Step]:
    """``ax1`` appends 1 to x, ``rx12`` reads x as [1, 2]."""
    steps: list[Step] = []
    for word in text.split():
        key, values = word[1], tuple(map(int, word[2:]))
        steps.append(Read(key, values) if word[0] == "r" else Append(key, *values))
    return steps


def history(*runs: str) -> History:
    """A run for each text; one that begins with ``!`` was not committed."""
    return [
        Run(f"T{number}", read_steps(text.removeprefix("!")), committed=not text.startswith("!"))
        for number, text in enumerate(runs, start=1)
    ]


def names(made: History, isolation: Isolation) -> set[str]:
    return {each.name for each in anomalies(made, isolation)}


FORBIDDEN = {
    "dirty write": (("ax1 ay2", "ax3 ay4", "rx13 ry42"), "G0", {RC, RR, SER}),
    "aborted read": (("!ax1", "rx1"), "G1a", {RC, RR, SER}),
    "intermediate read": (("ax1 ax2", "rx1", "rx12"), "G1b", {RC, RR, SER}),
    "circular reads": (("ax1 ry2", "ay2 rx1"), "G1c", {RC, RR, SER}),
    "fuzzy read": (("rx rx1", "ax1"), "G-SI", {RR}),
    "fuzzy read to who is serializable": (("rx rx1", "ax1"), "G2", {SER}),
    "lost update": (("rx ax1", "rx ax2", "rx12"), "G-SI", {RR}),
    "read skew": (("rx ry2", "ax1 ay2", "rx1 ry2"), "G-SI", {RR}),
    "long fork": (
        ("ax1", "ay2", "rx1 ry", "rx ry2", "rx1 ry2"),
        "G2",
        {SER},
    ),
    "write skew": (("rx ay1", "ry ax2", "rx2 ry1"), "G2", {SER}),
    "lost append": (("ax1", "rx"), "lost", {RC, RR, SER}),
    "two orders": (("ax1", "ax2", "rx12", "rx2"), "order", {RC, RR, SER}),
    "an append that is there twice": (("ax1", "rx11"), "order", {RC, RR, SER}),
    "own append unseen": (("ax1 rx", "rx1"), "internal", {RC, RR, SER}),
}


@pytest.mark.parametrize("name", FORBIDDEN)
@pytest.mark.parametrize("isolation", Isolation)
def test_an_anomaly_is_found_where_it_is_forbidden(name: str, isolation: Isolation) -> None:
    runs, anomaly, where = FORBIDDEN[name]
    assert (anomaly in names(history(*runs), isolation)) is (isolation in where)


@pytest.mark.parametrize(
    "runs",
    [
        ("ax1", "rx1 ax2", "rx12 ay3", "ry3"),
        ("!ax1", "rx", "ax2", "rx2"),
        ("ax1 ax2 rx12", "rx12"),
        ("rx ry", "ax1 ay2", "rx1 ry2"),
        (),
    ],
)
def test_nothing_is_found_in_what_is_serial(runs: tuple[str, ...]) -> None:
    for isolation in Isolation:
        assert anomalies(history(*runs), isolation) == []


def test_snapshots_may_show_write_skew_and_committed_reads_may_be_fuzzy() -> None:
    assert names(history("rx ay1", "ry ax2", "rx2 ry1"), RR) == set()
    assert names(history("rx rx1", "ax1"), RC) == set()


def test_a_cycle_of_many_is_told_in_its_order() -> None:
    made = history("rx3 ay1", "ry1 az2", "rz2 ax3", "rx3 ry1 rz2")
    (found,) = anomalies(made, RC)
    assert found.name == "G1c"
    assert found.what in {
        "T1 before T2 before T3 before T1",
        "T2 before T3 before T1 before T2",
        "T3 before T1 before T2 before T3",
    }
