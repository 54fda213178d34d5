import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.config.toml_lines import lines_of_keys

DOCUMENT = r'''# comment with = and [brackets] and "quotes
title = "a # b = c" # comment
"quoted.key" = @lit"eral # [@
a.b . "c d" = 1.5

[server]
port = 50_051
when = 1979-05-27 07:32:00
long = """
[not.a.table]
key = 1
\"""" # closed by the last three
raw = @@@
x = "
@@@
[server.tls]  # header comment
cert = { file = "a]", "other key" = [1, 2], deep.er = true }
list = [
  1,  # one
  { x = 1 },
  [ @a,b@, "c]" ],
]
[quotes]
one = """ " """"
two = """["""""
single = @@@[@@@@@
more = ["""a"""", "]", @@@b@@@@, "]", 1]
[[rules]]
name = "one"
match = [{ key = "k" }, { key = "l" }]
[rules.inner]
z = +inf
[[rules.subs]]
q = 1
[[rules.subs]]
q = 2
[[rules]]
name = "two"
[[rules.subs]]
q = ""
["policies"."/a.b.C/D"]
access = "public"'''.replace("@", "'")


def paths_of(value, path=()):
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths_of(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths_of(inner, (*path, index))


def line_of(text, nth=0):
    return [n for n, line in enumerate(DOCUMENT.splitlines(), 1) if line.startswith(text)][nth]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), line_of("title")),
        (("quoted.key",), line_of('"quoted.key"')),
        (("a", "b", "c d"), line_of("a.b")),
        (("server",), line_of("[server]")),
        (("server", "when"), line_of("when")),
        (("server", "raw"), line_of("raw")),
        (("server", "tls"), line_of("[server.tls]")),
        (("server", "tls", "cert", "other key", 1), line_of("cert")),
        (("server", "tls", "list"), line_of("list")),
        (("server", "tls", "list", 0), line_of("  1,")),
        (("server", "tls", "list", 1, "x"), line_of("  { x")),
        (("server", "tls", "list", 2, 1), line_of("  [ 'a,b'")),
        (("rules",), line_of("[[rules]]")),
        (("rules", 0), line_of("[[rules]]")),
        (("rules", 0, "match", 1, "key"), line_of("match")),
        (("rules", 0, "inner", "z"), line_of("z =")),
        (("rules", 0, "subs", 1, "q"), line_of("q = 2")),
        (("rules", 1), line_of("[[rules]]", 1)),
        (("rules", 1, "subs", 0, "q"), line_of('q = ""')),
        (("policies", "/a.b.C/D", "access"), line_of("access")),
    ],
)
def test_each_key_has_the_line_where_it_is_first_named(path, line):
    assert lines_of_keys(DOCUMENT)[path] == line


def test_exactly_the_keys_of_the_document_are_found():
    assert set(lines_of_keys(DOCUMENT)) == set(paths_of(tomllib.loads(DOCUMENT)))


STRINGS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


SCALARS = st.one_of(
    STRINGS.map(quote),
    STRINGS.filter(lambda text: "'" not in text).map(lambda text: f"'{text}'"),
    STRINGS.map(lambda text: f'"""\n{quote(text)[1:-1]}\n[x]\nk = 1 #"""'),
    st.sampled_from(["1", "-2.5", "true", "1979-05-27T07:32:00Z", "nan", '""', "''", "''''''"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n" + " , # ]\n".join(items) + "\n]"),
        st.dictionaries(STRINGS.map(quote), inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=8,
)


@given(st.dictionaries(STRINGS.map(quote), VALUES, max_size=4))
def test_any_document_has_a_line_for_each_of_its_keys(table):
    document = "\n".join(f"{key} = {value}" for key, value in table.items())
    assert set(lines_of_keys(document)) == set(paths_of(tomllib.loads(document)))
