import pytest
from asyncmy.errors import InterfaceError, InternalError, OperationalError

from blrcs.database.errors import IntegrityViolationError, SerializationError
from blrcs.database.mysql.errors import call_error, is_answer
from blrcs.domain.errors import UnavailableError


@pytest.mark.parametrize(
    ("number", "message", "kind", "name"),
    [
        (1062, "Duplicate entry 'a' for key 'PRIMARY'", "unique", "PRIMARY"),
        (1062, "Duplicate entry 'it's' for key 'books.isbn'", "unique", "isbn"),
        (1062, "Duplicate entry 'x for key 'y'' for key 'isbn'", "unique", "isbn"),
        (1062, "Eintrag 'a' doppelt", "unique", None),
        (
            1452,
            "child row (`db`.`books`, CONSTRAINT `books_ibfk_1` FOREIGN KEY (`shelf`) REFERENCES)",
            "foreign_key",
            "books_ibfk_1",
        ),
        (1048, "Column 'pages' cannot be null", "not_null", "pages"),
        (1364, "Field 'pages' doesn't have a default value", "not_null", "pages"),
        (4025, "CONSTRAINT `positive` failed for `db`.`books`", "check", "positive"),
        (3819, "Check constraint 'positive' is violated.", "check", "positive"),
    ],
)
def test_the_constraint_is_named(number: int, message: str, kind: str, name: str | None) -> None:
    told = call_error(OperationalError(number, message))
    assert isinstance(told, IntegrityViolationError)
    assert (told.kind, told.constraint) == (kind, name)


@pytest.mark.parametrize("number", [1020, 1205, 1213, 3101])
def test_another_transaction_is_in_the_way(number: int) -> None:
    assert isinstance(call_error(OperationalError(number, "no")), SerializationError)


@pytest.mark.parametrize("number", [1021, 1030, 1040, 1053, 1114, 1290, 1927, 2003, 2006, 2013])
def test_what_passes_is_told_without_what_is_inside(number: int) -> None:
    told = call_error(OperationalError(number, "/var/lib/mysql"))
    assert isinstance(told, UnavailableError)
    assert "mysql" not in str(told)


@pytest.mark.parametrize(
    "error",
    [
        InterfaceError(0, "Not connected"),
        InternalError("Packet sequence number wrong - got 1 expected 2"),
        OSError("no route"),
        TimeoutError(),
    ],
)
def test_what_no_server_said_is_a_connection_that_is_lost(error: Exception) -> None:
    assert isinstance(call_error(error), UnavailableError)


@pytest.mark.parametrize("number", [1064, 1146, 1264, 1406, 1792])
def test_a_mistake_in_the_program_stays_what_it_is(number: int) -> None:
    error = OperationalError(number, "mistake")
    assert call_error(error) is error
    assert is_answer(error)
