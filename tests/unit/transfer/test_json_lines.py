import orjson
import pytest

from blrcs.transfer import json_lines, lines
from blrcs.transfer.json_lines import JsonLines, json_line


def test_lines_as_an_export_writes_them(read):
    text = json_line("a", {"z": 1, "b": {"y": [None], "x": 2.5}}, "2030-01-01T00:00:00Z")
    assert text == (
        b'{"id":"a","expire_time":"2030-01-01T00:00:00Z","data":{"b":{"x":2.5,"y":[null]},"z":1}}\n'
    )
    assert read(JsonLines(), text) == [(1, "a", {"z": 1, "b": {"y": [None], "x": 2.5}})]


def test_blank_lines_are_nothing(read):
    assert read(JsonLines(), '\n  \n{"id": "a", "data": {}}\n\n') == [(3, "a", {})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "is not JSON in UTF-8"),
        (b'{"id": "a", "data": {"x": "\xff"}}', "is not JSON in UTF-8"),
        ('{"id": "a", "data": {"x": NaN}}', "is not JSON in UTF-8"),
        ('{"id": "a", "data": {"x": "\\ud800"}}', "is not JSON in UTF-8"),
        ("[1]", "is not a JSON object"),
        ('{"id": "a"}', "has no data"),
        ('{"id": "a", "data": 1}', "its data are not a JSON object"),
        ('{"id": "a", "data": {}, "more": 1}', "has 'more' beside"),
        ('{"id": "a/b", "data": {}}', "its id is not one of"),
        ('{"id": true, "data": {}}', "its id is neither"),
        ('{"id": "a", "data": {"x": 9007199254740993}}', "has 9007199254740993, which"),
        ('{"id": "a", "data": {"x": -9223372036854775809}}', "has -9223372036854775809, which"),
        ('{"id": "a", "data": {"x": [12345678901234567890123]}}', "has 12345678901234567890123,"),
        ('{"id": "a", "data": {"x": 1%s}}' % ("0" * 400), "is not JSON in UTF-8: number is inf"),
        ('{"id": "a", "data": {}, "expire_time": 5}', "its expire_time is not"),
        ('{"id": "a", "data": {}, "expire_time": "soon"}', "its expire_time is not"),
    ],
)
def test_a_bad_line_is_told_of_and_the_next_is_read(read, line, reason):
    line = line if isinstance(line, bytes) else line.encode()
    bad, good = read(JsonLines(), line + b'\n{"id": "b", "data": {}}')
    assert bad[0] == 1
    assert bad[1].startswith(reason)
    assert good == (2, "b", {})


def test_long_numbers_that_are_held_are_taken(read):
    text = '{"id": "a", "data": {"x": 10000000000000000000000, "y": 0.1234567890123456789012}}'
    assert read(JsonLines(), text) == [(1, "a", {"x": 1e22, "y": 0.12345678901234568})]


def test_lists_too_deep_for_a_document_are_told_of_whatever_stands_in_them(read):
    text = '{"id": "a", "data": {"x": ' + "[" * 1000 + "1234567890123456789" + "]" * 1000 + "}}"
    ((number, reason),) = read(JsonLines(), text)
    assert number == 1
    assert "30 objects and lists" in reason


def test_a_line_without_an_id_gets_one_that_stays_the_same(read):
    text = '{"data": {}}\n{"data": {}}\n{"id": 7, "data": {}}'
    found = [each[1] for each in read(JsonLines(), text)]
    assert found == [each[1] for each in read(JsonLines(), text)]
    assert len({*found, *(each[1] for each in read(JsonLines(), text, b"other"))}) == 5
    assert found[2] == "7"


def test_documents_have_their_id_where_it_is_said(read):
    format_ = JsonLines(documents=True, id_path=("key", "id"))
    text = '{"key": {"id": "a"}, "data": 1}\n{"key": 1}\n{"key": {"id": null}}'
    assert read(format_, text) == [
        (1, "a", {"key": {"id": "a"}, "data": 1}),
        (2, "has no id where --id-field says"),
        (3, "has no id where --id-field says"),
    ]
    ((_, made, data),) = read(JsonLines(documents=True), '{"id": "a"}')
    assert made != "a"
    assert data == {"id": "a"}


def test_a_line_that_is_too_long_is_told_of(read, monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 40)
    text = orjson.dumps({"id": "a", "data": {"x": "y" * 40}}) + b'\n{"id": "b", "data": {}}'
    assert read(JsonLines(), text) == [(1, json_lines.TOO_LONG), (2, "b", {})]
