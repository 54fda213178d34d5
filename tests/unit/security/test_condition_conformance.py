"""Conditions mean what they mean to Google's implementation of CEL."""

from datetime import UTC, datetime, timedelta

import pytest
from cel_expr_python import cel
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from blrcs.domain.errors import InvalidArgumentError
from blrcs.security.condition_compiler import compile_condition
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import access_pb2
from blrcs_native.calls.call import Call, Principal
from tests.unit.interceptors.calls import method_of

NOW = datetime(2026, 2, 28, 23, 59, 58, 987000, UTC)
CLAIMS = {
    "acr": "2",
    "amr": ["pwd", "otp"],
    "level": 3,
    "share": 0.5,
    "pwc": True,
    "none": None,
    "address": {"country": "DE", "floors": [1, 2]},
    "empty": [],
}
MESSAGE = access_pb2.Binding(
    name="bindings/b",
    role="roles/reader",
    members=["users/a", "users/b"],
    expire_time={"seconds": 1_800_000_000},
    effect=2,
    condition={"title": "office"},
)
GROUPS = ("groups/devs", "groups/all")
TYPES = {
    "now": cel.Type.TIMESTAMP,
    "request.time": cel.Type.TIMESTAMP,
    "request.method": cel.Type.STRING,
    "request.message": cel.Type.DYN,
    "principal.name": cel.Type.STRING,
    "principal.groups": cel.Type.List(cel.Type.STRING),
    "principal.claims": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "resource.name": cel.Type.STRING,
    "source.address": cel.Type.STRING,
}
FACTS = {
    "now": NOW,
    "request.time": NOW,
    "request.method": "/tests.Service/Get",
    "request.message": MESSAGE,
    "principal.name": "users/a",
    "principal.groups": list(GROUPS),
    "principal.claims": CLAIMS,
    "resource.name": "tenants/a/x",
    "source.address": "192.0.2.1",
}
ENVIRONMENT = cel.NewEnv(variables=TYPES)

FIRST = datetime(1970, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
LAST = datetime(2199, 12, 31)  # noqa: DTZ001

CALL = Call(method_of(), InProcessStream(None), (), "192.0.2.1")
CALL.principal = Principal("users/a", claims=CLAIMS)
CALL.request = MESSAGE

strings = st.sampled_from(
    [
        "'a'", "''", "'users/a'", "'2'", r"'\u00e9'", "'pwd'", "principal.name", "resource.name",
        "principal.claims.acr", "source.address", "request.message.name", "request.method",
        "request.message.condition.title", "request.message.members[0]", "principal.groups[1]",
        "principal.claims.address.country", "principal.claims['acr']", "request.message.nothing",
    ]
)  # fmt: skip
numbers = st.sampled_from(
    [
        "0", "1", "-1", "3", "2", "9223372036854775807", "-9223372036854775808", "0x1F",
        "principal.claims.level", "size('abc')", "principal.groups.size()", "principal.claims.no",
        "size(request.message.members)", "principal.claims.address.floors[1]", "now.getHours()",
        "now.getMonth('Asia/Tokyo')", "request.time.getDayOfYear()", "now.getDayOfWeek('-02:00')",
        "now.getMilliseconds()", "request.message.expire_time.getFullYear()", "now.getDate()",
        "request.message.effect", "principal.claims.empty[0]", "now.getDayOfMonth()",
        "now.getMinutes()", "now.getSeconds()",
    ]
)  # fmt: skip
doubles = st.sampled_from(["0.0", "1.5", "-2.25", "1e300", "principal.claims.share", "3.0"])
times = st.sampled_from(
    [
        "now", "request.time", "timestamp('2026-02-28T23:59:58.987Z')",
        "timestamp('2026-03-01T08:59:58+09:00')", "request.message.expire_time",
        "request.message.create_time",
    ]
)  # fmt: skip
spans = st.sampled_from(["duration('1h')", "duration('-1.5s')", "duration('1h30m')"])
lists = st.sampled_from(
    [
        "['users/a', '2']", "[1, 2, 3]", "[]", "principal.groups", "principal.claims.amr",
        "request.message.members", "principal.claims.address.floors", "[1, 'a', true]",
        "principal.claims.empty", "principal.claims.address", "principal.claims",
    ]
)  # fmt: skip
truths = st.sampled_from(
    [
        "true", "false", "principal.claims.pwc", "has(principal.claims.acr)",
        "has(principal.claims.no)", "has(request.message.condition)", "has(request.message.role)",
        "has(request.message.create_time)", "has(request.message.resource)",
        "has(request.message.members)", "has(request.message.no)", "principal.claims.none",
        "has(principal.claims.address.country)", "principal.claims.none == null",
    ]
)  # fmt: skip


def sums(operands, signs):
    return st.builds("({} {} {})".format, operands, st.sampled_from(signs), operands)


whole = numbers | sums(numbers, "+-*/%") | numbers.map("-({})".format)
texts = strings | sums(strings, "+")
instants = times | sums(times | spans, "+-")
values = texts | whole | doubles | sums(doubles, "+-*/") | instants | spans | truths | lists
orders = ("==", "!=", "<", "<=", ">", ">=")
simple = st.one_of(
    truths,
    *(sums(each, orders) for each in (texts, whole | doubles, instants, truths)),
    sums(values, ("==", "!=")),
    st.builds("({} in {})".format, values, lists),
    st.builds(
        "{}.{}({})".format, strings, st.sampled_from(["startsWith", "endsWith", "contains"]), texts
    ),
)
conditions = st.recursive(
    simple,
    lambda inner: st.one_of(
        sums(inner, ("&&", "||", "==")),
        inner.map("!({})".format),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)


def reference(text):
    """What Google's says; its checks are stricter about the types of what is in lists."""
    try:
        compiled = ENVIRONMENT.compile(text)
    except Exception as error:
        if "no matching overload" not in str(error) and "expected type" not in str(error):
            raise
        assume(False)
    value = compiled.eval(data=FACTS).value()
    return {True: "true", False: "false"}.get(value, "error") if type(value) is bool else "error"


def ours(text):
    return compile_condition(text).evaluate(
        principal="users/a",
        resource="tenants/a/x",
        groups=GROUPS,
        now_ns=int(NOW.timestamp()) * 10**9 + NOW.microsecond * 1000,
        call=CALL,
    )


@given(conditions)
@settings(max_examples=600, deadline=None)
@example("principal.claims.no || true")
@example("principal.claims.no && false")
@example("-9223372036854775808 / -1 == 1")
@example("-9223372036854775808 % -1 == 0")
@example("-7 / 2 == -3 && -7 % 2 == -1")
@example("1.0 / 0.0 > 1e300")
def test_both_say_the_same(text):
    try:
        found = ours(text)
    except InvalidArgumentError:
        assume(False)
    assert found == reference(text), text


@pytest.mark.parametrize("zone", ["", "'Europe/Berlin'", "'America/New_York'", "'+05:45'"])
@given(st.datetimes(FIRST, LAST, timezones=st.just(UTC)))
@settings(deadline=None)
@example(datetime(2000, 2, 29, 23, 30, tzinfo=UTC))
@example(datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC))
@example(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
def test_parts_of_instants_are_the_same(zone, at):
    zoned = at.astimezone(_zone(zone))
    day = zoned.timetuple()
    expected = {
        "getFullYear": zoned.year,
        "getMonth": zoned.month - 1,
        "getDate": zoned.day,
        "getDayOfMonth": zoned.day - 1,
        "getDayOfWeek": (day.tm_wday + 1) % 7,
        "getDayOfYear": day.tm_yday - 1,
        "getHours": zoned.hour,
        "getMinutes": zoned.minute,
        "getSeconds": zoned.second,
        "getMilliseconds": zoned.microsecond // 1000,
    }
    now_ns = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    for part, value in expected.items():
        condition = compile_condition(f"now.{part}({zone}) == {value}")
        assert condition.evaluate(now_ns=now_ns) == "true", (part, value)


def _zone(text):
    from blrcs.domain.condition.instant import read_zone

    return read_zone(text.strip("'")) if text else UTC
