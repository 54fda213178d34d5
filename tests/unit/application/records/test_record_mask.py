import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.application.records.record_fields import RecordMask
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.field_path import overlap

# `!` is before the dot in the order of texts, and `z` behind it.
PATHS = st.lists(st.sampled_from(["a", "a!", "az", "b"]), min_size=1, max_size=3).map(tuple)


@given(st.sets(PATHS, max_size=6))
def test_no_path_of_a_mask_lies_within_another(paths):
    mask = [".".join(["data", *path]) for path in paths]
    if any(overlap(*pair) for pair in itertools.combinations(paths, 2)):
        with pytest.raises(InvalidArgumentError, match="overlaps"):
            RecordMask.parse(mask)
    elif mask:
        assert RecordMask.parse(mask) == RecordMask(whole=False, paths=tuple(sorted(paths)))


@pytest.mark.parametrize("mask", [["data", "data.a"], ["data.a", "data.`a`"]])
def test_nothing_is_named_twice(mask):
    with pytest.raises(InvalidArgumentError, match="overlaps"):
        RecordMask.parse(mask)


@pytest.mark.parametrize("path", ["`data`", "name", "`expire_time`", "etag.data"])
def test_what_cannot_be_changed_is_refused(path):
    with pytest.raises(InvalidArgumentError, match="not a field that can be changed"):
        RecordMask.parse([path])
