import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.api.record_messages import record_pb2
from blrcs.transfer import csv_rows, lines
from blrcs.transfer.csv_columns import cell_of, column_name, column_path, paths_of, value_of
from blrcs.transfer.csv_rows import CsvRows, read_header, read_rows
from blrcs.transfer.entry import BadLineError
from blrcs.transfer.errors import TransferError
from blrcs.transfer.export_formats import CsvFormat, columns_of
from blrcs.transfer.lines import read_lines

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=6))
def test_rows_are_those_of_the_csv_module_and_say_where_the_next_begins(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    raw = text.getvalue().encode()
    found = list(read_rows(read_lines(io.BytesIO(raw))))
    assert [values for _, values in found] == rows
    for position, (row, _) in enumerate(found):
        file = io.BytesIO(raw)
        file.seek(row.end)
        rest = read_rows(read_lines(file, number=row.last, offset=row.end))
        assert list(rest) == found[position + 1 :]


def test_columns_are_paths_and_empty_cells_are_nothing(read):
    format_ = CsvRows(("id", "address.city", "address.zip", "data.id"))
    assert read(format_, "a,Bonn,53111,x\nb,,,\n") == [
        (1, "a", {"address": {"city": "Bonn", "zip": "53111"}, "id": "x"}),
        (2, "b", {}),
    ]


def test_types_are_those_that_are_given(read):
    format_ = CsvRows(("id", "n", "b", "j"), kinds={"n": "number", "b": "bool", "j": "json"})
    text = 'a,1.5,TRUE,"[1,{}]"\nb,x,,\nc,true,,\nd,,yes,\ne,,,{\n'
    found = read(format_, text)
    assert found[0] == (1, "a", {"n": 1.5, "b": True, "j": [1, {}]})
    assert [reason.split(" JSON")[0] for _, reason in found[1:]] == [
        "n: is not",
        "n: is not a number",
        "b: is neither true nor false",
        "j: is not",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('{"a":[1]}', {"a": [1]}),
        ("007", "007"),
        ("1.0", "1.0"),
        ("[1.0]", "[1.0]"),
        ("9007199254740993", "9007199254740993"),
        ("1e3", "1e3"),
        ("True", "True"),
        ('"a"', '"a"'),
        ("[1, 2]", "[1, 2]"),
        ("a", "a"),
    ],
)
def test_what_is_inferred_would_be_written_as_the_same_text(text, value):
    assert value_of(text, "infer") == value
    assert cell_of(value) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"a\n", "has 1 cells, not 2"),
        (b"a,\xff\n", "is not UTF-8"),
        (b'a,"x"y\n', "is not CSV"),
        (b'a,"\xff\nstill the row"\n', "(up to line 2) is not UTF-8"),
    ],
)
def test_a_bad_row_is_told_of_and_the_next_is_read(read, text, reason):
    bad, good = read(CsvRows(("id", "x")), text + b"b,1\n")
    assert bad[0] == 1
    assert bad[1].startswith(reason)
    assert good[1:] == ("b", {"x": "1"})


@pytest.mark.parametrize("kind", ["number", "json"])
def test_a_whole_number_that_is_not_held_is_told_of(read, kind):
    rows = CsvRows(("id", "x"), kinds={"x": kind})
    ((number, reason),) = read(rows, b"a,12345678901234567890123\n")
    assert number == 1
    assert "has 12345678901234567890123, which" in reason


def test_a_quote_that_is_not_closed_swallows_no_more_than_a_line_may_have(read, monkeypatch):
    monkeypatch.setattr(csv_rows, "MAX_LINE_BYTES", 30)
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 30)
    text = 'a,"open\n' + "b,2\n" * 10
    first, *others = read(CsvRows(("id", "x")), text)
    assert first == (1, f"(up to line 7) {csv_rows.TOO_LONG}")
    assert [each[0] for each in others] == [8, 9, 10, 11]
    ((number, reason),) = read(CsvRows(("id", "x")), 'a,"open\n')
    assert number == 1
    assert reason.startswith("is not CSV")


def test_cells_that_exclude_each_other_are_told_of(read):
    assert read(CsvRows(("id", "a", "a.b")), "1,x,y\n2,,y\n") == [
        (1, "has a value at a.b and another around it"),
        (2, "2", {"a": {"b": "y"}}),
    ]
    assert read(CsvRows(("id", "a.b", "a")), "1,x,y\n") == [
        (1, "has a value at a and another within it")
    ]


def test_the_id_may_be_a_column_of_the_data(read):
    format_ = CsvRows(("sku", "n"), id_column="sku")
    assert read(format_, "a,1\n,2\n") == [
        (1, "a", {"sku": "a", "n": "1"}),
        (2, "has nothing in the column 'sku', its id"),
    ]


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        (("a", "a"), {}),
        (("a", "data.a"), {}),
        (("a..b",), {}),
        (("a", ""), {}),
        (("a",), {"kinds": {"b": "number"}}),
        (("a",), {"id_column": "b"}),
    ],
)
def test_columns_that_cannot_be_are_refused(columns, options):
    with pytest.raises(TransferError, match="column"):
        CsvRows(columns, **options)


def test_the_header_says_where_the_rows_begin():
    columns, row = read_header(io.BytesIO(b'\xef\xbb\xbf"a\nb",c\nx,y\n'))
    assert columns == ("a\nb", "c")
    assert (row.last, row.end) == (2, 11)
    with pytest.raises(TransferError, match="no row"):
        read_header(io.BytesIO(b""))


@pytest.mark.parametrize("path", [("a",), ("a", "b.c"), ("id",), ("data",), ("data", "x")])
def test_a_column_is_called_so_that_its_path_is_found(path):
    assert column_path(column_name(path)) == path
    assert column_name(path) not in {"id", "expire_time"}


def test_objects_are_taken_apart_and_lists_are_not():
    document = {"a": {"b": 1, "c": {}}, "l": [{"x": 1}], "odd": {"": 1}, "n": None}
    assert paths_of(document) == {
        ("a", "b"): 1,
        ("a", "c"): {},
        ("l",): [{"x": 1}],
        ("odd",): {"": 1},
        ("n",): None,
    }


def record(name, **data):
    found = record_pb2.Record(name=f"tenants/t/collections/c/records/{name}")
    found.data.update(data)
    return found


def test_rows_have_a_cell_for_every_column():
    records = [record("a", x=1, y="=1+1"), record("b", z={"k": "v"}, l=[1, "a"])]
    columns = columns_of(records)
    assert columns == ["id", "l", "x", "y", "z.k"]
    format_ = CsvFormat(columns, is_whole=True, safe=False)
    assert [format_.line(each) for each in records] == [b"a,,1,=1+1,\n", b'b,"[1,""a""]",,,v\n']
    assert format_.incomplete == 0
    format_.line(record("c", later=1))
    assert format_.incomplete == 1
    safe = CsvFormat(["id", "y", "n"], is_whole=False, safe=True)
    assert safe.line(record("a", y="=1+1", n=-1)) == b"a,'=1+1,-1\n"


def test_a_field_that_can_be_no_column_is_told_of():
    with pytest.raises(TransferError, match="JSON Lines"):
        columns_of([record("a", **{"a`b": 1})])
    with pytest.raises(BadLineError):
        column_path("")
