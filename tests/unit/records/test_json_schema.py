"""Schemas that are refused, and what those that are not say."""

import json

import pytest

from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.records.json_schema import DRAFT, MAX_DEPTH, MAX_PARTS, MAX_SHOWN, JsonSchemas


def compiled(schema):
    return JsonSchemas().compile(json.dumps(schema))


def refusal_of(schema):
    with pytest.raises(InvalidArgumentError) as caught:
        compiled(schema)
    assert caught.value.field == "collection.json_schema"
    assert caught.value.reason == "SCHEMA_INVALID"
    return caught.value.description


def chain(length, width=1):
    """Definitions of which each refers to the next so many times."""
    definitions = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * width} for n in range(length)
    }
    definitions[f"d{length}"] = {"type": "object"}
    return {"$ref": "#/$defs/d0", "$defs": definitions}


def test_documents_are_held_to_it():
    schema = compiled(
        {
            "$schema": DRAFT,
            "properties": {"lines": {"items": {"$ref": "#/$defs/line"}}},
            "$defs": {"line": {"required": ["sku"]}},
        }
    )
    schema.check({"lines": [{"sku": 1}]}, field="record.data")
    with pytest.raises(InvalidArgumentError) as caught:
        schema.check({"lines": [{"sku": 1}, {"secret": "4111"}]}, field="record.data")
    assert caught.value.field == "record.data.lines.1"
    assert "sku" in caught.value.message
    assert "4111" not in caught.value.message


@pytest.mark.parametrize(
    "keyword", [{"$ref": "#"}, {"$ref": "#/properties/a"}, {"allOf": [{"$ref": "#"}]}]
)
def test_it_does_not_refer_to_itself(keyword):
    assert "itself" in refusal_of({"properties": {"a": {"items": keyword}}})


def test_two_parts_do_not_refer_to_each_other():
    definitions = {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"items": {"$ref": "#/$defs/a"}}}
    assert "itself" in refusal_of({"$defs": definitions})


@pytest.mark.parametrize(
    "reference",
    ["http://127.0.0.1:1/", "file:///etc/passwd", "other.json", "#name", "#/none", "#/%24defs"],
)
def test_it_refers_to_its_own_parts_alone(reference):
    assert "$ref" in refusal_of({"items": {"$ref": reference}}) or reference == "#/none"


@pytest.mark.parametrize("keyword", ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor"])
def test_other_ways_to_refer_are_refused(keyword):
    assert keyword in refusal_of({"items": {keyword: "x"}})


def test_names_of_members_are_no_keywords():
    names = ("$ref", "$id", "default", "enum", "const")
    members = {name: {"type": "string"} for name in names}
    schema = compiled({"properties": members})
    schema.check(dict.fromkeys(members, "x"), field="f")
    with pytest.raises(InvalidArgumentError):
        schema.check({"$ref": 1}, field="f")


def test_what_is_data_is_not_looked_into():
    compiled({"enum": [{"$ref": "http://127.0.0.1/"}], "examples": [{"$id": "x"}]})


def test_references_that_double_at_each_step_are_refused():
    assert str(MAX_PARTS) in refusal_of(chain(20, width=2))
    assert compiled(chain(3, width=2))


@pytest.mark.parametrize("left", ["unevaluatedProperties", "unevaluatedItems"])
@pytest.mark.parametrize(
    "within",
    [
        lambda schema: {"allOf": [schema]},
        lambda schema: {"anyOf": [schema]},
        lambda schema: {"oneOf": [False, schema]},
        lambda schema: {"if": schema},
        lambda schema: {"not": schema},
        lambda schema: {"dependentSchemas": {"a": schema}},
        lambda schema: {"contains": schema},
        lambda schema: {"allOf": [{"properties": {"a": schema}}]},
    ],
)
def test_what_is_judged_again_for_what_is_left_is_counted_as_often(within, left):
    """Each level has the ones below it judged two or three times: 18 of them take seconds."""

    def nested(levels):
        schema = {"properties": {"a": {"type": "integer"}}}
        for _ in range(levels):
            schema = {**within(schema), left: True}
        return schema

    assert compiled(nested(3))
    assert str(MAX_PARTS) in refusal_of(nested(8))


def test_what_is_judged_once_beside_what_is_left_is_counted_once():
    schema = {"type": "string"}
    for _ in range(20):
        schema = {"properties": {"a": schema}, "unevaluatedProperties": False}
    assert compiled(schema)


def test_it_is_not_too_deep_however_it_is_written():
    assert str(MAX_DEPTH) in refusal_of(chain(MAX_DEPTH))
    nested = {"type": "object"}
    for _ in range(MAX_DEPTH):
        nested = {"not": nested}
    assert str(MAX_DEPTH) in refusal_of(nested)
    turned = chain(MAX_DEPTH)
    turned["$defs"] = dict(reversed(turned["$defs"].items()))
    assert str(MAX_DEPTH) in refusal_of({"$defs": turned["$defs"], "$ref": turned["$ref"]})


@pytest.mark.parametrize(
    "schema",
    [
        [],
        True,
        {"type": "objekt"},
        {"minimum": "1"},
        {"pattern": "("},
        {"pattern": "(a)\\1"},
        {"pattern": "(?=a)"},
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"pattern": "(((a{1000}){1000}){1000})"},
    ],
)
def test_what_is_no_schema_is_refused(schema):
    refusal_of(schema)


def test_patterns_take_time_that_grows_with_the_text_alone():
    schema = compiled({"properties": {"x": {"pattern": "^(a+)+$"}}})
    with pytest.raises(InvalidArgumentError):
        schema.check({"x": "a" * 100_000 + "b"}, field="f")


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "a[ab]{3000}c"},
        {"pattern": "^(a|b)*a(a|b){1000}$"},
        {"pattern": "^[ab]{0,1000}a[ab]{1000}$"},
        {"patternProperties": {"a[ab]{3000}c": {}}},
        {"propertyNames": {"pattern": "a[ab]{3000}c"}},
        {"$ref": "#/properties/text/examples/0", "examples": [{"pattern": "a[ab]{3000}c"}]},
    ],
)
def test_a_pattern_that_costs_much_judges_no_large_documents(schema):
    """Each octet of theirs takes it ten microseconds: of a MiB, ten seconds."""
    compiled({"properties": {"text": schema}}).check({"text": {}} | {"other": 1}, field="data")
    with pytest.raises(InvalidArgumentError) as caught:
        compiled({"properties": {"text": schema}}).check({"text": "ab" * 15_000}, field="data")
    assert caught.value.reason == "SCHEMA_TOO_LARGE"


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z]{1,64}$",
        "^[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}$",
        "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        r"^\+?$",
        r"^\d{4}-\d{2}-\d{2}$",
        r"^[\]a-z]+$",
        r"^\p{L}{1,10}$",
        "^(red|green|blue)$",
    ],
)
def test_usual_patterns_judge_documents_of_any_size(pattern):
    schema = compiled({"properties": {"code": {"pattern": pattern}}})
    schema.check({"text": "a" * (1 << 20)}, field="data")


def test_patterns_that_take_much_memory_are_refused():
    schema = {"allOf": [{"pattern": f"^[ab]{{9999}}{n}$"} for n in range(9)]}
    assert "patterns" in refusal_of(schema)
    same = {"allOf": [{"pattern": "^[ab]{9999}$"} for _ in range(9)]}
    compiled(same).check({}, field="data")


def test_it_ends_at_the_first_of_many_violations():
    patterns = [{"pattern": f"[a-z]*{number}z"} for number in range(100)]
    schema = compiled({"properties": {"x": {"items": {"allOf": patterns}}}})
    with pytest.raises(InvalidArgumentError) as caught:
        # A million of them are gigabytes.
        schema.check({"x": ["a"] * 100_000}, field="f")
    assert caught.value.field == "f.x.0"


def test_a_long_name_is_not_told_whole():
    schema = compiled({"additionalProperties": {"type": "string"}})
    with pytest.raises(InvalidArgumentError) as caught:
        schema.check({"k" * 100_000: 1}, field="f")
    assert len(caught.value.message) < 2 * MAX_SHOWN


@pytest.mark.parametrize(
    "keyword",
    [
        {"additionalProperties": {"type": "string"}},
        {"propertyNames": {"pattern": "^a"}},
        {"unevaluatedProperties": False},
        {"patternProperties": {"h": {"type": "string"}}},
    ],
)
def test_of_a_secret_not_even_the_names_of_members_are_told(keyword):
    schema = compiled({"properties": {"keys": {"properties": {"of": keyword}}}})
    document = {"keys": {"of": {"hunter2": 1}}}
    with pytest.raises(InvalidArgumentError) as caught:
        schema.check(document, field="f", secrets=[("keys", "of")])
    assert caught.value.field == "f.keys.of"
    assert "hunter2" not in caught.value.message
    with pytest.raises(InvalidArgumentError, match="hunter2"):
        schema.check(document, field="f")


@pytest.mark.parametrize(
    "of_each",
    [
        {"allOf": [{"pattern": f"[a-z]*{number}"} for number in range(1000)]},
        {"enum": [{"a": number} for number in range(1500)]},
    ],
)
def test_a_large_schema_judges_no_large_documents(of_each):
    schema = compiled({"properties": {"x": {"items": {"not": of_each}}}})
    schema.check({"x": ["a"] * 100}, field="f")
    with pytest.raises(InvalidArgumentError) as caught:
        schema.check({"x": ["a"] * 100_000}, field="f")
    assert (caught.value.field, caught.value.reason) == ("f", "SCHEMA_TOO_LARGE")
    small = compiled({"properties": {"x": {"items": {"type": "string"}}}})
    small.check({"x": ["a"] * 100_000}, field="f")


def test_values_to_compare_with_are_parts():
    assert str(MAX_PARTS) in refusal_of({"enum": list(range(MAX_PARTS))})


def test_a_stored_one_beyond_the_bounds_refuses_what_it_would_judge():
    text = json.dumps({"enum": [0] * MAX_PARTS})
    schema = JsonSchemas().stored(text)
    with pytest.raises(FailedPreconditionError) as caught:
        schema.check({}, field="record.data")
    assert caught.value.reason == "SCHEMA_OUTGROWN"
    assert f"more than {MAX_PARTS} parts" in caught.value.message
    assert "made smaller" in caught.value.message
    with pytest.raises(InvalidArgumentError):
        JsonSchemas().stored('{"not": {}}').check({}, field="record.data")
