"""What is secret is compared by what takes as long whatever it finds."""

import hmac
from typing import Any

import pytest

from blrcs.domain.errors import InvalidArgumentError
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.totp import Rfc6238Codes

SECRET = bytes(32)
NOW_NS = 1_000_000_000 * 1_000_000_000
WRONG = "000000"


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """What is compared in constant time, which is found equal whatever it is."""
    asked: list[tuple[Any, Any]] = []

    def equal(one: Any, other: Any) -> bool:
        asked.append((one, other))
        return True

    monkeypatch.setattr(hmac, "compare_digest", equal)
    return asked


def test_nothing_else_decides_whether_a_page_token_is_good(compared: list[tuple[Any, Any]]) -> None:
    tokens = SignedPageTokens(SECRET)
    assert tokens.redeem("another query", tokens.issue("query", "cursor")) == "cursor"
    assert len(compared) == 1


def test_nothing_else_decides_whether_a_code_is_right(compared: list[tuple[Any, Any]]) -> None:
    assert Rfc6238Codes(issuer="ACME").step_of(SECRET, WRONG, NOW_NS) is not None
    # All are compared, so that the time does not tell which of them was nearest.
    assert len(compared) == 3


def test_unless_it_says_so_nothing_is_good() -> None:
    tokens = SignedPageTokens(SECRET)
    with pytest.raises(InvalidArgumentError):
        tokens.redeem("another query", tokens.issue("query", "cursor"))
    assert Rfc6238Codes(issuer="ACME").step_of(SECRET, WRONG, NOW_NS) is None
