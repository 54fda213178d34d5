"""Many rows by SQLite's own functions, through a connection of Python's sqlite3 module.

The module binds each value and runs each row by itself, with the interpreter's lock held; together
that takes as long as what SQLite does with a row.
"""

import sqlite3
import threading

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.limits cimport INT_MAX
from libc.stdint cimport int64_t, uintptr_t

from blrcs_native.databases.sqlite_library cimport (
    SQLITE_DONE,
    SQLITE_OK,
    SQLITE_PREPARE_PERSISTENT,
    SqliteLibrary,
    has_inserts,
    load_sqlite,
)

cdef extern from *:
    """
    /* The connection that this thread has opened last. */
    static __thread void *blrcs_opened;
    static int blrcs_note_opened(void *database, char **message, void *routines) {
        (void)message;
        (void)routines;
        blrcs_opened = database;
        return 0;
    }
    """
    void* opened "blrcs_opened"
    int note_opened "blrcs_note_opened"(void*, char**, void*) noexcept nogil

cdef enum Kind:
    NOTHING
    WHOLE
    REAL
    TEXT
    OCTETS

cdef struct Cell:
    Kind kind
    int64_t number
    double real
    const char* data
    int size

cdef struct Column:
    int position
    # One for each row; NULL where rows have numbers from the first one on.
    const Cell* cells
    int64_t first

cdef SqliteLibrary sqlite
cdef bint is_loaded = load_sqlite(&sqlite) and has_inserts(&sqlite)
# One at a time looks for what it opens.
cdef object looking = threading.Lock()


cdef dict KINDS = {
    "SQLITE_ABORT": sqlite3.OperationalError,
    "SQLITE_BUSY": sqlite3.OperationalError,
    "SQLITE_CANTOPEN": sqlite3.OperationalError,
    "SQLITE_CONSTRAINT": sqlite3.IntegrityError,
    "SQLITE_CORRUPT": sqlite3.DatabaseError,
    "SQLITE_EMPTY": sqlite3.OperationalError,
    "SQLITE_ERROR": sqlite3.OperationalError,
    "SQLITE_FULL": sqlite3.OperationalError,
    "SQLITE_INTERNAL": sqlite3.InternalError,
    "SQLITE_INTERRUPT": sqlite3.OperationalError,
    "SQLITE_IOERR": sqlite3.OperationalError,
    "SQLITE_LOCKED": sqlite3.OperationalError,
    "SQLITE_MISMATCH": sqlite3.IntegrityError,
    "SQLITE_MISUSE": sqlite3.InterfaceError,
    "SQLITE_NOMEM": MemoryError,
    "SQLITE_NOTADB": sqlite3.DatabaseError,
    "SQLITE_NOTFOUND": sqlite3.InternalError,
    "SQLITE_PERM": sqlite3.OperationalError,
    "SQLITE_PROTOCOL": sqlite3.OperationalError,
    "SQLITE_RANGE": sqlite3.InterfaceError,
    "SQLITE_READONLY": sqlite3.OperationalError,
    "SQLITE_SCHEMA": sqlite3.OperationalError,
    "SQLITE_TOOBIG": sqlite3.DataError,
}
# By the eight lower bits of a code.
cdef dict KIND_OF = {getattr(sqlite3, name): kind for name, kind in KINDS.items()}
# By a whole code. What else has a name, as what can be authorized, has no such one.
cdef dict NAME_OF = {
    code: name
    for name, code in vars(sqlite3).items()
    for primary in KINDS
    if (name == primary or name.startswith(f"{primary}_"))
    and code & 0xFF == getattr(sqlite3, primary)
}


cdef int sized(Py_ssize_t size) except -1:
    if size > INT_MAX:
        raise OverflowError("a value has more than 2 GiB")
    return <int>size


cdef int read_cell(object value, Cell* cell) except -1:
    cdef Py_ssize_t size = 0
    if value is None:
        cell.kind = NOTHING
    elif isinstance(value, str):
        cell.kind = TEXT
        cell.data = PyUnicode_AsUTF8AndSize(value, &size)
        cell.size = sized(size)
    elif isinstance(value, bytes):
        cell.kind = OCTETS
        cell.data = PyBytes_AS_STRING(value)
        cell.size = sized(PyBytes_GET_SIZE(value))
    elif isinstance(value, int):
        cell.kind = WHOLE
        cell.number = value
    elif isinstance(value, float):
        cell.kind = REAL
        cell.real = PyFloat_AS_DOUBLE(value)
    else:
        raise TypeError(f"{type(value).__name__} is not stored")
    return 0


cdef int bind(void* statement, int position, const Cell* cell) noexcept nogil:
    # What it refers to outlives the steps, so that SQLite need not copy it.
    if cell.kind == TEXT:
        return sqlite.bind_text(statement, position, cell.data, cell.size, NULL)
    if cell.kind == OCTETS:
        return sqlite.bind_blob(statement, position, cell.data, cell.size, NULL)
    if cell.kind == WHOLE:
        return sqlite.bind_int64(statement, position, cell.number)
    if cell.kind == REAL:
        return sqlite.bind_double(statement, position, cell.real)
    return sqlite.bind_null(statement, position)


cdef int add_row(
    void* statement, const Column* columns, Py_ssize_t count, Py_ssize_t row
) noexcept nogil:
    cdef int code = SQLITE_OK
    cdef Py_ssize_t i
    for i in range(count):
        if columns[i].cells != NULL:
            code = bind(statement, columns[i].position, &columns[i].cells[row])
        else:
            code = sqlite.bind_int64(statement, columns[i].position, columns[i].first + row)
        if code != SQLITE_OK:
            return code
    code = sqlite.step(statement)
    sqlite.reset(statement)
    return SQLITE_OK if code == SQLITE_DONE else code


@cython.final
@cython.no_gc  # the dict has no cycles, and is needed until the end
cdef class SqliteInserts:
    """See sqlite_inserts.pyi."""

    cdef void* database
    cdef dict statements

    def __init__(self, open_ not None):
        self.statements = {}
        if not is_loaded:
            open_()
            return
        with looking:
            self._open(open_)

    cdef void _open(self, open_) except *:
        global opened
        opened = NULL
        sqlite.auto_extension(<void*>note_opened)
        try:
            open_()
            self.database = opened
        finally:
            sqlite.cancel_auto_extension(<void*>note_opened)

    def __dealloc__(self):
        self._close()

    @property
    def is_available(self):
        return self.database != NULL

    def close(self):
        self._close()

    cdef void _close(self) noexcept:
        # The connection may have been closed: SQLite keeps it for what has been prepared on it.
        if self.statements is not None:
            for address in self.statements.values():
                sqlite.finalize(<void*><uintptr_t>address)
            self.statements.clear()
        self.database = NULL

    cdef void* _statement(self, str sql) except NULL:
        cdef void* statement = NULL
        cdef bytes text
        found = self.statements.get(sql)
        if found is not None:
            return <void*><uintptr_t>found
        text = sql.encode()
        if sqlite.prepare_v3(
            self.database, text, sized(len(text)), SQLITE_PREPARE_PERSISTENT, &statement, NULL
        ) != SQLITE_OK:
            raise self._error()
        self.statements[sql] = <uintptr_t>statement
        return statement

    def insert(self, str sql not None, tuple columns not None):
        cdef Py_ssize_t count = -1
        if self.database == NULL:
            raise ValueError("there is no connection")
        for column in columns:
            if type(column) is list or type(column) is range:
                if count >= 0 and len(column) != count:
                    raise ValueError("columns have different lengths")
                count = len(column)
        if count < 0:
            raise ValueError("no column says how many rows there are")
        if count:
            self._insert(self._statement(sql), columns, count)

    cdef void _insert(self, void* statement, tuple columns, Py_ssize_t rows) except *:
        cdef Py_ssize_t width = len(columns), own = 0, used = 0, i, row
        cdef int code = SQLITE_OK
        cdef Cell* cells = <Cell*>PyMem_Malloc((rows * width + 1) * sizeof(Cell))
        cdef Column* places = <Column*>PyMem_Malloc((width + 1) * sizeof(Column))
        try:
            if cells == NULL or places == NULL:
                raise MemoryError
            for i in range(width):
                column = columns[i]
                if type(column) is list:
                    places[own].cells = cells + used
                    for value in <list>column:
                        read_cell(value, &cells[used])
                        used += 1
                elif type(column) is range:
                    places[own].cells = NULL
                    places[own].first = column.start
                else:
                    # Bound once for all rows.
                    read_cell(column, &cells[used])
                    if bind(statement, <int>i + 1, &cells[used]) != SQLITE_OK:
                        raise self._error()
                    used += 1
                    continue
                places[own].position = <int>i + 1
                own += 1
            with nogil:
                for row in range(rows):
                    code = add_row(statement, places, own, row)
                    if code != SQLITE_OK:
                        break
            if code != SQLITE_OK:
                raise self._error()
        finally:
            sqlite.clear_bindings(statement)
            PyMem_Free(cells)
            PyMem_Free(places)

    cdef object _error(self):
        """As the module would raise it."""
        cdef int code = sqlite.extended_errcode(self.database)
        cdef bytes message = sqlite.errmsg(self.database)
        kind = KIND_OF.get(code & 0xFF, sqlite3.DatabaseError)
        if kind is MemoryError:
            return MemoryError()
        error = kind(message.decode("utf-8", "replace"))
        error.sqlite_errorcode = code
        error.sqlite_errorname = NAME_OF.get(code, "unknown")
        return error
