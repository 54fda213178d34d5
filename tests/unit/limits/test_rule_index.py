import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.domain.limit_rule import LimitEntry
from blrcs.limits.rule_index import RuleIndex


def entries(*pairs):
    return tuple(LimitEntry(key, value) for key, value in pairs)


def test_a_rule_applies_to_descriptors_of_its_domain_keys_and_length():
    index = RuleIndex([("d", entries(("user", "alice"), ("plan", "")), "rule")])
    assert index.find("d", entries(("user", "alice"), ("plan", "free"))) == "rule"
    for other in (
        entries(("user", "alice")),
        entries(("user", "alice"), ("plan", "free"), ("x", "")),
        entries(("user", "bob"), ("plan", "free")),
        entries(("plan", "free"), ("user", "alice")),
        (),
    ):
        assert index.find("d", other) is None
    assert index.find("other", entries(("user", "alice"), ("plan", "free"))) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("alice", "exact"),
        ("alic", "long"),
        ("al", "long"),
        ("a", "short"),
        ("alice2", "long"),
        ("bob", "star"),
        ("", "star"),
    ],
)
def test_exact_outweighs_the_longest_wildcard_which_outweighs_the_bare_key(value, expected):
    rules = {"": "any", "*": "star", "a*": "short", "al*": "long", "alice": "exact"}
    index = RuleIndex([("d", entries(("user", each)), found) for each, found in rules.items()])
    assert index.find("d", entries(("user", value))) == expected


def test_the_earliest_entry_decides():
    index = RuleIndex(
        [
            ("d", entries(("user", ""), ("plan", "free")), "late"),
            ("d", entries(("user", "a*"), ("plan", "")), "early"),
        ]
    )
    assert index.find("d", entries(("user", "alice"), ("plan", "free"))) == "early"


def test_a_closer_beginning_that_leads_nowhere_does_not_hide_another_rule():
    index = RuleIndex(
        [
            ("d", entries(("user", "alice"), ("plan", "paid")), "exact"),
            ("d", entries(("user", ""), ("plan", "free")), "bare"),
        ]
    )
    assert index.find("d", entries(("user", "alice"), ("plan", "free"))) == "bare"


def test_a_star_elsewhere_than_at_the_end_is_itself():
    index = RuleIndex([("d", entries(("user", "a*b")), "rule")])
    assert index.find("d", entries(("user", "a*b"))) == "rule"
    assert index.find("d", entries(("user", "axb"))) is None


def test_of_two_rules_with_one_match_the_later_counts():
    match = entries(("user", ""))
    assert RuleIndex([("d", match, 1), ("d", match, 2)]).find("d", entries(("user", "x"))) == 2


def closeness(match, descriptor):
    """What is compared between rules that match; None where one does not."""
    if len(match) != len(descriptor):
        return None
    ranks = []
    for wanted, entry in zip(match, descriptor, strict=True):
        if wanted.key != entry.key:
            return None
        if not wanted.value:
            ranks.append((0, 0))
        elif wanted.value.endswith("*"):
            if not entry.value.startswith(wanted.value[:-1]):
                return None
            ranks.append((1, len(wanted.value)))
        elif wanted.value == entry.value:
            ranks.append((2, 0))
        else:
            return None
    return ranks


# Few enough that rules often compete, and often lead nowhere in their second entry.
key_texts = st.sampled_from(["k", "k", "l"])
rule_values = st.sampled_from(["", "*", "a", "a*", "ab", "ab*", "b"])
texts = st.sampled_from(["", "a", "ab", "abc", "b", "*", "a*"])
matches = st.lists(st.builds(LimitEntry, key_texts, rule_values), min_size=1, max_size=2)
descriptors = st.lists(st.builds(LimitEntry, key_texts, texts), min_size=1, max_size=2)


@settings(max_examples=500)
@given(
    rules=st.sets(matches.map(tuple), min_size=5, max_size=40), descriptor=descriptors.map(tuple)
)
def test_the_rule_found_is_the_one_that_comparing_all_would_find(rules, descriptor):
    index = RuleIndex([("d", match, match) for match in sorted(rules, key=repr)])
    ranked = [(rank, match) for match in rules if (rank := closeness(match, descriptor))]
    expected = max(ranked, key=lambda each: each[0])[1] if ranked else None
    assert index.find("d", descriptor) == expected
