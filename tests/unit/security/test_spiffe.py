"""SPIFFE ids, and what only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.security.spiffe import SpiffeId, is_spiffe

segments = st.text("abcXYZ019._-", min_size=1, max_size=12).filter(lambda s: s not in {".", ".."})


@given(st.text("abc019.-_", min_size=1, max_size=40), st.lists(segments, min_size=1, max_size=5))
def test_an_id_has_a_trust_domain_and_a_path(domain: str, path: list[str]) -> None:
    assert SpiffeId.parse(f"spiffe://{domain}/{'/'.join(path)}") == SpiffeId(domain, "/".join(path))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe://",
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe:///path",
        "spiffe:/example.org/path",
        "spiffe:example.org/path",
        "SPIFFE://example.org/path",
        "spiffe://Example.org/path",
        "spiffe://example.org/path/",
        "spiffe://example.org//path",
        "spiffe://example.org/a//b",
        "spiffe://example.org/a/../b",
        "spiffe://example.org/..",
        "spiffe://example.org/./a",
        "spiffe://example.org/a/.",
        "spiffe://example.org/%61",
        "spiffe://example.org/a%2Fb",
        "spiffe://example.org%2Fother/path",
        "spiffe://example.org:443/path",
        "spiffe://user@example.org/path",
        "spiffe://example.org/path?query",
        "spiffe://example.org/path#fragment",
        "spiffe://example.org/pa th",
        "spiffe://example.org/path\n",
        "spiffe://example.org/path\0",
        "spiffe://example.org/pfad-ä",
        "spiffe://exämple.org/path",
        " spiffe://example.org/path",
        "https://example.org/path",
        f"spiffe://{'a' * 256}/path",
        f"spiffe://example.org/{'a' * 2048}",
    ],
)
def test_what_is_not_written_as_an_id_is_none(text: str) -> None:
    assert SpiffeId.parse(text) is None


def test_segments_of_dots_that_are_not_relative_are_names() -> None:
    assert SpiffeId.parse("spiffe://example.org/.../.a/..b") == SpiffeId(
        "example.org", ".../.a/..b"
    )


@pytest.mark.parametrize(
    ("uri", "expected"),
    [("spiffe://a/b", True), ("SPIFFE:x", True), ("https://spiffe", False), ("spiff", False)],
)
def test_whatever_means_to_be_an_id_counts_as_one(uri: str, *, expected: bool) -> None:
    assert is_spiffe(uri) is expected
