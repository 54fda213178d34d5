import io

from blrcs.transfer import lines as module
from blrcs.transfer.lines import Line, read_lines


def test_lines_say_where_the_next_one_begins():
    found = list(read_lines(io.BytesIO("ä\n\nb".encode())))
    assert found == [
        Line(1, 1, 3, "ä\n".encode(), True),
        Line(2, 2, 4, b"\n", True),
        Line(3, 3, 5, b"b", True),
    ]


def test_reading_goes_on_anywhere():
    text = b"\xef\xbb\xbfone\ntwo\nthree\n"
    whole = list(read_lines(io.BytesIO(text)))
    assert whole[0].raw == b"one\n"
    for line in whole:
        file = io.BytesIO(text)
        file.seek(line.end)
        rest = list(read_lines(file, number=line.number, offset=line.end))
        assert rest == whole[line.number :]


def test_a_line_that_is_too_long_is_one_and_the_next_is_read(monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 10)
    monkeypatch.setattr(module, "SKIPPED_BYTES", 3)
    text = b"x" * 10 + b"\n" + b"y" * 9 + b"\nlast"
    found = list(read_lines(io.BytesIO(text)))
    assert [(each.number, each.end, each.is_whole) for each in found] == [
        (1, 11, False),
        (2, 21, True),
        (3, 25, True),
    ]
    assert found[0].raw == b"x" * 10
