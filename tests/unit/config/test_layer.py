import pytest

from blrcs.config.layer import Layer, merge, origin_of

LOW = Layer("low", {"server": {"host": "a", "port": 1}, "list": [{"x": 1, "y": 2}], "word": "w"})
HIGH = Layer("high", {"server": {"port": 2}, "list": [{"x": 3}], "word": {"k": 1}})


def test_later_layers_win_key_by_key_and_lists_as_a_whole():
    assert merge([LOW, HIGH]) == {
        "server": {"host": "a", "port": 2},
        "list": [{"x": 3}],
        "word": {"k": 1},
    }


def test_merging_leaves_the_layers_as_they_are():
    merge([LOW, HIGH])["server"]["host"] = "changed"
    assert LOW.values["server"] == {"host": "a", "port": 1}


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        (("server", "host"), "low"),
        (("server", "port"), "high"),
        (("list", 0, "x"), "high"),
        (("list", 0, "y"), None),
        (("list", 1), None),
        (("word",), "high"),
        (("absent",), None),
        (("server", "host", "deeper"), None),
    ],
)
def test_a_value_comes_from_the_layer_that_counts(path, origin):
    assert origin_of(path, [LOW, HIGH]) == origin


def test_a_path_without_a_place_of_its_own_has_that_of_the_nearest_one_around_it():
    layer = Layer("file", {"a": {"b": 1}}, {("a",): "file:1"})
    assert layer.origin(("a", "b")) == "file:1"


def test_else_it_has_the_place_of_one_inside_it():
    layer = Layer("variables", {"a": {"b": 1}}, {("z",): "Z", ("a", "b"): "A__B"})
    assert layer.origin(("a",)) == "A__B"
    assert layer.origin(("q",)) == "variables"
