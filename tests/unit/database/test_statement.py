import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from blrcs.database.dialect import Dialect
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.statement import CompiledStatement, Construct, Statement
from blrcs.database.types import FLAG, NUMBER

metadata = sa.MetaData()
books = sa.Table(
    "books",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("pages", NUMBER, nullable=False),
    sa.Column("lent", FLAG),
)
shelves = sa.Table("shelves", metadata, sa.Column("id", sa.Text), sa.Column("book", sa.Text))


def compiled(construct: Construct) -> CompiledStatement:
    return Statement(construct).compiled(SQLITE)


NAMED = Dialect("sqlite", sqlite.dialect(paramstyle="named"))
ADD = compiled(sa.insert(books))


@pytest.fixture
def library():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE books (id TEXT PRIMARY KEY, pages INTEGER, lent INTEGER)")
    connection.execute("CREATE TABLE shelves (id TEXT, book TEXT)")
    for id_, pages, lent in [("a", 10, True), ("b", 20, False), ("c", 30, None)]:
        connection.execute(ADD.sql, ADD.bind({"id": id_, "pages": pages, "lent": lent}))
    yield connection
    connection.close()


def run(connection, statement, **params):
    cursor = connection.execute(statement.sql, statement.bind(params))
    return [statement.make_row(row) for row in cursor]


def test_parameters_are_what_the_construct_left_open():
    statement = compiled(
        sa.update(books)
        .values(pages=books.c.pages + 1, lent=sa.bindparam("new_lent"))
        .where(books.c.id == sa.bindparam("key"))
    )

    assert set(statement.parameters) == {"new_lent", "key"}


def test_rows_have_their_columns_as_attributes(library):
    statement = compiled(sa.select(books.c.id, books.c.pages).where(books.c.pages > 15))

    assert [(row.id, row.pages) for row in run(library, statement)] == [("b", 20), ("c", 30)]


def test_flags_come_back_as_bool_and_null_as_none(library):
    rows = run(library, compiled(sa.select(books).order_by(books.c.id)))

    assert [row.lent for row in rows] == [True, False, None]
    assert [type(row.lent) for row in rows] == [bool, bool, type(None)]


def test_columns_of_one_name_in_two_tables_are_told_apart(library):
    library.execute("INSERT INTO shelves VALUES ('s', 'a')")
    statement = compiled(sa.select(books, shelves).join(shelves, shelves.c.book == books.c.id))

    (row,) = run(library, statement)

    assert (row.id, row.id_1) == ("a", "s")


def test_returning_gives_rows(library):
    statement = compiled(
        sa.update(books)
        .values(lent=sa.true())
        .where(books.c.id == sa.bindparam("key"))
        .returning(books.c.lent, books.c.pages)
    )

    (row,) = run(library, statement, key="b")

    assert row == (True, 20)
    assert row.lent is True


def test_a_union_gives_rows(library):
    statement = compiled(
        sa.union_all(
            sa.select(books.c.id).where(books.c.pages == 10),
            sa.select(books.c.id).where(books.c.pages == sa.bindparam("pages")),
        )
    )

    assert [row.id for row in run(library, statement, pages=30)] == ["a", "c"]


def test_an_upsert_runs(library):
    insert = sa.dialects.sqlite.insert(books)
    statement = compiled(
        insert.on_conflict_do_update(
            index_elements=["id"], set_={"pages": books.c.pages + insert.excluded.pages}
        )
    )

    library.execute(statement.sql, statement.bind({"id": "a", "pages": 5, "lent": None}))

    assert library.execute("SELECT pages FROM books WHERE id = 'a'").fetchone() == (15,)


@pytest.mark.parametrize(("ids", "found"), [(["a", "c"], ["a", "c"]), ([], [])])
def test_a_list_fixed_in_the_construct_is_expanded(library, ids, found):
    statement = compiled(sa.select(books.c.id).where(books.c.id.in_(ids)))

    assert statement.parameters == ()
    assert [row.id for row in run(library, statement)] == found


def test_a_list_parameter_is_refused():
    with pytest.raises(TypeError, match="a list cannot be"):
        compiled(sa.select(books).where(books.c.id.in_(sa.bindparam("ids", expanding=True))))


def test_a_list_parameter_as_json_runs(library):
    ids = sa.func.json_each(sa.bindparam("ids")).table_valued("value")
    statement = compiled(sa.select(books.c.id).where(books.c.id.in_(sa.select(ids.c.value))))

    assert [row.id for row in run(library, statement, ids='["c", "a", "x"]')] == ["a", "c"]


@pytest.mark.parametrize(
    ("params", "wrong"),
    [({}, "key"), ({"key": "a", "other": 1}, "other"), ({"kee": "a"}, "kee, key")],
)
def test_wrong_parameters_are_named(params, wrong):
    statement = compiled(sa.select(books).where(books.c.id == sa.bindparam("key")).limit(1))

    with pytest.raises(TypeError, match=f": {wrong}$"):
        statement.bind(params)


def test_a_parameter_that_no_keyword_can_be_is_refused():
    with pytest.raises(TypeError, match="keyword"):
        compiled(sa.select(books).where(books.c.id == sa.bindparam("not a name")))


def test_a_default_computed_in_python_is_refused():
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Text, default=lambda: "x"))

    with pytest.raises(TypeError, match="pass the value"):
        compiled(sa.insert(table).values())


@pytest.mark.parametrize("type_", [sa.JSON(), sa.DateTime(), sa.Enum("a", name="letters")])
def test_a_type_with_a_conversion_is_refused(type_):
    table = sa.Table("t", sa.MetaData(), sa.Column("value", type_))

    with pytest.raises(TypeError, match="value is of type"):
        compiled(sa.insert(table))


def test_a_column_without_a_name_is_refused():
    with pytest.raises(TypeError, match="label"):
        compiled(sa.select(sa.exists().where(books.c.id == "a")))


def test_binding_does_not_change_what_it_was_given():
    construct = sa.select(books).where(books.c.id == sa.bindparam("key")).limit(1)
    statement = Statement(construct).compiled(NAMED)
    params = {"key": "a"}

    bound = statement.bind(params)

    assert params == {"key": "a"}
    assert 1 in bound.values()


BOOKS = [{"id": "a", "pages": 1, "lent": True}, {"lent": None, "pages": 2, "id": "b"}]


@pytest.mark.parametrize("dialect", [SQLITE, NAMED])
def test_many_rows_are_bound_as_each_by_itself(dialect):
    statement = Statement(sa.insert(books)).compiled(dialect)
    assert statement.bind_many(BOOKS) == [statement.bind(dict(row)) for row in BOOKS]
    assert statement.bind_many([]) == []


@pytest.mark.parametrize("dialect", [SQLITE, NAMED])
@pytest.mark.parametrize(
    "row",
    [
        {"id": "c", "pages": 1},
        {"id": "c", "pages": 1, "lent": None, "more": 1},
        {"id": "c", "pages": 1, "more": 1},
    ],
)
def test_many_rows_have_exactly_the_parameters(dialect, row):
    statement = Statement(sa.insert(books)).compiled(dialect)
    with pytest.raises(TypeError, match="parameters"):
        statement.bind_many([*BOOKS, row])


def test_constants_are_bound_for_each_row():
    construct = sa.update(books).where(books.c.id == sa.bindparam("key")).values(pages=7)
    statement = Statement(construct).compiled(SQLITE)
    assert statement.bind_many([{"key": "a"}, {"key": "b"}]) == [(7, "a"), (7, "b")]


@pytest.mark.parametrize("dialect", [SQLITE, NAMED])
def test_many_rows_may_be_tuples_in_the_order_of_the_parameters(dialect):
    statement = Statement(sa.insert(books)).compiled(dialect)
    named = [{"id": "a", "pages": 1, "lent": None}, {"id": "b", "pages": 2, "lent": True}]

    assert statement.parameters == ("id", "pages", "lent")
    assert list(statement.bind_many([tuple(each.values()) for each in named])) == list(
        statement.bind_many(named)
    )


def test_tuples_go_to_parameters_in_whatever_order_they_are_bound():
    statement = compiled(
        sa.update(books)
        .where(books.c.id == sa.bindparam("key"))
        .values(pages=sa.bindparam("counted") + sa.bindparam("key"), lent=True)
    )
    row = {"key": 1, "counted": 2}
    given = tuple(row[name] for name in statement.parameters)

    assert list(statement.bind_many([given])) == [statement.bind(row)]


@pytest.mark.parametrize("row", [("a", 1), ("a", 1, None, 2)])
def test_a_tuple_has_a_value_for_each_parameter(row):
    with pytest.raises(TypeError, match="3 parameters"):
        ADD.bind_many([("b", 1, None), row])
