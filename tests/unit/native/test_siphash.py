"""The hash equals the values that its authors published for the key 00..0f and input 00, 01, ..."""

import pytest

from blrcs_native.siphash import siphash128

KEY = bytes(range(16))
PUBLISHED = {
    0: "a3817f04ba25a8e66df67214c7550293",
    1: "da87c1d86b99af44347659119b22fc45",
    2: "8177228da4a45dc7fca38bdef60affe4",
    3: "9c70b60c5267a94e5f33b6b02985ed51",
    7: "a1f1ebbed8dbc153c0b84aa61ff08239",
    8: "3b62a9ba6258f5610f83e264f31497b4",
    15: "5493e99933b0a8117e08ec0f97cfc3d9",
    16: "6ee2a4ca67b054bbfd3315bf85230577",
    63: "5150d1772f50834a503e069a973fbd7c",
}


@pytest.mark.parametrize(("size", "expected"), PUBLISHED.items())
def test_hash_equals_the_published_value(size, expected):
    assert siphash128(bytes(range(size)), KEY).hex() == expected


def test_the_key_changes_the_hash():
    assert siphash128(b"data", KEY) != siphash128(b"data", KEY[::-1])


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_key_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match="16 bytes"):
        siphash128(b"data", bytes(size))
