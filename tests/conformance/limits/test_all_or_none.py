"""Stacked limits against a model of counts."""

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blrcs.domain.limit_rule import LimitEntry
from tests.conformance.limits.cases import USER, WINDOW, descriptor

RULES = {
    "a": replace(USER, id="a", match=(LimitEntry("a"),), requests=5, **WINDOW),
    "b": replace(USER, id="b", match=(LimitEntry("b"),), requests=3, **WINDOW),
    "s": replace(USER, id="s", match=(LimitEntry("s"),), requests=2, shadow=True, **WINDOW),
}
cells = st.tuples(st.sampled_from(["a", "b", "s", "none"]), st.sampled_from(["x", "y"]))
steps = st.tuples(
    st.sampled_from(["consume", "check", "refund", "reset"]),
    st.lists(cells, min_size=1, max_size=5),
    st.integers(0, 4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(steps, max_size=20))
async def test_consuming_is_all_or_none_as_in_the_model(limits_of, steps):
    limits = limits_of(*RULES.values())
    used = Counter()

    def room(cell):
        return RULES[cell[0]].requests - used[cell]

    for verb, wanted, cost in steps:
        descriptors = [descriptor(cell) for cell in wanted]
        known = [cell for cell in wanted if cell[0] in RULES]
        if verb in {"consume", "check"}:
            verdict = await limits.consume("d", descriptors, cost, check_only=verb == "check")
            totals = {cell: cost * known.count(cell) for cell in known}
            fits = {cell: total <= room(cell) or total == 0 for cell, total in totals.items()}
            allowed = all(fits[cell] for cell in fits if cell[0] != "s")
            assert verdict.allowed == allowed
            assert [status.allowed for status in verdict.statuses] == [
                fits.get(cell, True) for cell in wanted
            ]
            hopeless = any(
                totals[cell] > RULES[cell[0]].requests for cell in fits if cell[0] != "s"
            )
            assert (verdict.retry_after_ns is None) == (allowed or hopeless)
            if allowed and verb == "consume":
                used.update({cell: totals[cell] for cell in fits if fits[cell]})
        elif verb == "refund":
            await limits.refund("d", descriptors, cost)
            for cell in known:
                used[cell] = max(0, used[cell] - cost)
        else:
            await limits.reset("d", descriptors)
            for cell in known:
                used[cell] = 0
        for cell, status in zip(wanted, await limits.peek("d", descriptors), strict=True):
            assert status.remaining == (room(cell) if cell in known else 0)
