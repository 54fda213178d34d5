import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.config.duration import MAX_NS, Duration


@pytest.mark.parametrize(
    ("written", "ns"),
    [
        (30, 30_000_000_000),
        (0.1, 100_000_000),
        ("30", 30_000_000_000),
        ("0.25", 250_000_000),
        ("30s", 30_000_000_000),
        ("5m", 300_000_000_000),
        ("1h", 3_600_000_000_000),
        ("1d", 86_400_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1.5h", 5_400_000_000_000),
        ("250ms", 250_000_000),
        ("7us", 7_000),
        ("9ns", 9),
        ("PT15M", 900_000_000_000),
        ("P1DT2H3M4.5S", 93_784_500_000_000),
        ("P2D", 172_800_000_000_000),
        ("0s", 0),
        (0, 0),
    ],
)
def test_every_documented_form_is_read(written, ns):
    assert Duration.parse(written) == Duration(ns)


@pytest.mark.parametrize(
    "written",
    [
        *(True, False, None, [], {}, b"1s", float("nan"), float("inf"), 1e400),
        *("", " ", "s", "1x", "1 h", "-1s", "+1s", "1s ", "1e3s", "1,5s", "٣s", "1S", "1H"),
        *("P", "PT", "P1", "P1M", "P1Y", "PT1", "P1DT", "PT1.5M", "pt1m"),
        *("0.1ns", -1, -0.5, "36526d", 10**40, "9" * 21, "1" * 5000),
    ],
)
def test_other_forms_are_refused(written):
    with pytest.raises(ValueError, match=r"duration|finer"):
        Duration.parse(written)


@given(st.integers(0, MAX_NS))
def test_a_duration_reads_back_what_it_shows(ns):
    assert Duration.parse(str(Duration(ns))) == Duration(ns)


def test_a_duration_shows_units_from_the_largest_down():
    assert str(Duration.parse(93_784.5)) == "1d2h3m4s500ms"
    assert str(Duration(0)) == "0s"
