import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.config.size import format_size, parse_size


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [
        (4096, 4096),
        ("4096", 4096),
        ("512B", 512),
        ("10kB", 10_000),
        ("10MB", 10_000_000),
        ("1GB", 1_000_000_000),
        ("1KiB", 1 << 10),
        ("64MiB", 64 << 20),
        ("64 MiB", 64 << 20),
        ("2GiB", 2 << 30),
    ],
)
def test_every_documented_form_is_read(written, size_bytes):
    assert parse_size(written) == size_bytes


@pytest.mark.parametrize(
    "written",
    ["", "MiB", "64M", "64mib", "-1B", "1.5MiB", "1  MiB", "٣B", True, 1.5, None, "9" * 19],
)
def test_other_forms_are_refused(written):
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(written)


@given(st.integers(0, 2**50))
def test_a_size_reads_back_what_it_shows(size_bytes):
    assert parse_size(format_size(size_bytes)) == size_bytes


def test_a_size_shows_the_largest_unit_without_a_fraction():
    assert [format_size(n) for n in (0, 1000, 1024, 3 << 20, (1 << 30) + 1024)] == [
        "0B",
        "1000B",
        "1KiB",
        "3MiB",
        "1048577KiB",
    ]
