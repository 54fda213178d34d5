import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.resource_name import check_resource
from blrcs_native.access.table import validate_resource

SEGMENTS = st.text(st.sampled_from("a./*\x00\x7f\x85\xa0\u3000\ue000\u00e9\U0001f600"), max_size=4)


def accepts(rule, name):
    try:
        rule(name)
    except (InvalidArgumentError, ValueError):
        return False
    return True


@given(
    st.lists(SEGMENTS, max_size=18).map("/".join)
    | st.text(max_size=8)
    | st.integers(1020, 1028).map(lambda size: "a" * size)
    | st.integers(510, 514).map(lambda size: "\u00e9" * size)
)
def test_a_resource_is_what_the_guards_take_for_one(name):
    assert accepts(check_resource, name) == accepts(validate_resource, name)


@pytest.mark.parametrize("name", ["", "orders", "orders/7", "a b/\u00e9", "/".join("a" * 16)])
def test_accepts_paths(name):
    check_resource(name)


@pytest.mark.parametrize(
    "name", ["/", "/a", "a/", "a//b", "a/../b", ".", "a\n", "\ud800", "/".join("a" * 17)]
)
def test_refuses_what_is_no_path(name):
    with pytest.raises(InvalidArgumentError, match=r"binding\.resource"):
        check_resource(name)
