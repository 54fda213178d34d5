"""What is a condition, and what is not."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.domain.condition.condition import Condition, read_condition
from blrcs.domain.condition.parser import MAX_CHARACTERS, MAX_COST, MAX_DEPTH
from blrcs.domain.errors import InvalidArgumentError


def problem_of(text):
    with pytest.raises(InvalidArgumentError) as caught:
        Condition(text).check()
    assert caught.value.reason == "CONDITION_INVALID"
    return caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "now < timestamp('2027-01-01T00:00:00Z')",
        "request.time - timestamp('2026-01-01T00:00:00Z') < duration('24h')",
        "now.getHours('Europe/Berlin') >= 8 && now.getDayOfWeek() != 0",
        "principal.claims.acr == '2' || 'otp' in principal.claims.amr",
        "has(request.message.order.note) ? request.message.order.total <= 100 : true",
        "request.message.flag",
        "!(resource.name.startsWith('tenants/')) && source.address in ['10.0.0.1', '::1',]",
        "'groups/devs' in principal.groups",
        r'"\"quoted\" \x41\u00e9" == r"raw\n"',
        "size(principal.groups) + 1 > 2 && -1 < 0x10",
    ],
)
def test_conditions_are_read(text):
    Condition(text).check()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "ends too early at character 1"),
        ("true &&", "ends too early at character 8"),
        ("true true", "'true' where it does not belong at character 6"),
        ("'a", "no word of the language at character 1"),
        ("principal", "asks for principal"),
        ("principal.email == ''", "asks for principal.email"),
        ("request.message.x == y", "asks for y"),
        ("__import__('os')", "calls __import__()"),
        ("'a'", "is of type string, not bool"),
        ("now", "is of type timestamp, not bool"),
        ("1 + 'a' == 2", "uses + with int and string"),
        ("now < 1", "uses < with timestamp and int"),
        ("principal.name == 1", "uses == with string and int"),
        ("principal.name && true", "uses && with string"),
        ("!1", "uses ! with int"),
        ("'a' in 'abc'", "uses in with string"),
        ("principal.name.first == 'a'", "uses .first with string"),
        ("principal.groups.exists(g, g == 'x')", "uses exists(): conditions do not go"),
        ("principal.groups.all('x', true)", "uses all(): conditions do not go"),
        ("principal.name.matches('a+')", "calls matches()"),
        ("timestamp(principal.name) < now", "not one string that is written out"),
        ("now < timestamp('tomorrow')", "what is no timestamp: 'tomorrow'"),
        ("now < timestamp('2026-02-30T00:00:00Z')", "what is no timestamp"),
        ("now - now < duration('1 day')", "what is no duration"),
        ("now.getHours('Nowhere/Land') == 1", "no time zone"),
        ("now.getHours('../../etc/passwd') == 1", "no time zone"),
        ("has(principal.name)", "asks has() about something else than a field"),
        ("has(true)", "asks has() about something else than a field"),
        ("9223372036854775808 > 0", "more than 64 bits"),
        ("1u == 1", "kind that conditions do not know"),
        ("b'a' == b'a'", "kind that conditions do not know"),
        ("{'a': 1} == {}", "no word of the language"),
        (r"'\q' == ''", "an escape that is none"),
        (r"'\ud800' == ''", "an escape that is no character"),
        ("if == 1", "'if' where it does not belong"),
        ("true ? 1", "lacks :"),
        ("principal.groups[0", "lacks ]"),
        ("size(1) == 1", "uses size with int"),
    ],
)
def test_what_is_none_is_refused_and_why(text, problem):
    assert problem in problem_of(text)


def test_conditions_are_bounded_in_size_depth_and_cost():
    longest = "true || true" + " " * (MAX_CHARACTERS - 12)
    read_condition(longest)
    assert "longer than" in problem_of(longest + " ")
    read_condition("(" * (MAX_DEPTH - 1) + "true" + ")" * (MAX_DEPTH - 1))
    assert "deep" in problem_of("(" * MAX_DEPTH + "true" + ")" * MAX_DEPTH)
    read_condition("!" * (MAX_COST - 1) + "true")
    assert "parts" in problem_of("!" * MAX_COST + "true")
    assert "parts" in problem_of("&&".join(["true"] * (MAX_COST // 2 + 1)))


@given(st.text(alphabet="ab.()[]!-+&|<>=?:'\"0123456789 \\,nowtrueinhas", max_size=60) | st.text())
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(InvalidArgumentError):
        read_condition(text)
