"""Many rows by SQLite's own functions, through a connection of Python's sqlite3 module.

The module binds each value and runs each row by itself, with the interpreter's lock held; together
that takes longer than what SQLite does with a row. Here one run of a statement reads all rows.
"""

import sqlite3
import threading

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.limits cimport INT_MAX
from libc.stdint cimport uint64_t, uintptr_t

from blrcs_native.databases.sqlite_library cimport (
    SQLITE_DONE,
    SQLITE_OK,
    SQLITE_PREPARE_PERSISTENT,
    SqliteLibrary,
    has_inserts,
    load_sqlite,
)
from blrcs_native.databases.sqlite_rows cimport (
    MOST_COLUMNS,
    NOTHING,
    OCTETS,
    REAL,
    TEXT,
    WHOLE,
    Cell,
    GivenRows,
    rows_table,
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


cdef str quoted(name):
    return '"' + str(name).replace('"', '""') + '"'


cdef int bind(void* statement, int place, const Cell* cell) noexcept nogil:
    # What it refers to outlives the statement's run, so that SQLite need not copy it.
    if cell.kind == TEXT:
        return sqlite.bind_text(statement, place, cell.data, cell.size, NULL)
    if cell.kind == OCTETS:
        return sqlite.bind_blob(statement, place, cell.data, cell.size, NULL)
    if cell.kind == WHOLE:
        return sqlite.bind_int64(statement, place, cell.number)
    if cell.kind == REAL:
        return sqlite.bind_double(statement, place, cell.real)
    return sqlite.bind_null(statement, place)


cdef inline bint differs(column):
    """Whether each row has a value of its own."""
    return type(column) is list or type(column) is range


cdef bytes statement_text(table, tuple names, uint64_t same):
    """One that reads all rows, and stops at the first that cannot be there.

    What it has added by then stays until its transaction is undone: with the default SQLite would
    keep every page as it was before, for as long as the statement runs.

    ``same`` has a bit for each column in which all rows have one value, which is bound.

    A table of the file would come before the virtual one, which has no schema of its own and is
    found in each: it is looked for in that of temporary tables, of which a file has none.
    """
    cdef Py_ssize_t i
    cdef str into = ", ".join([quoted(name) for name in names])
    cdef str values = ", ".join(
        [f"?{i + 1}" if same >> i & 1 else f"c{i}" for i in range(len(names))]
    )
    return (
        f"INSERT OR FAIL INTO {quoted(table)} ({into}) SELECT {values} FROM temp.blrcs_rows"
    ).encode()


@cython.final
@cython.no_gc  # the dict has no cycles, and is needed until the end
cdef class SqliteInserts:
    """See sqlite_inserts.pyi."""

    cdef void* database
    # Goes with the connection.
    cdef GivenRows* rows
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
        finally:
            sqlite.cancel_auto_extension(<void*>note_opened)
        self.rows = NULL if opened == NULL else rows_table(opened)
        if self.rows != NULL:
            self.database = opened

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
        self.rows = NULL

    cdef void* _statement(self, table, tuple names, uint64_t same) except NULL:
        cdef void* statement = NULL
        cdef bytes text
        cdef tuple key = (table, names, same)
        found = self.statements.get(key)
        if found is not None:
            return <void*><uintptr_t>found
        text = statement_text(table, names, same)
        if sqlite.prepare_v3(
            self.database, text, sized(len(text)), SQLITE_PREPARE_PERSISTENT, &statement, NULL
        ) != SQLITE_OK:
            raise self._error()
        self.statements[key] = <uintptr_t>statement
        return statement

    def insert(self, table not None, tuple names not None, tuple columns not None):
        cdef Py_ssize_t count = -1, i
        cdef uint64_t same = 0
        if self.database == NULL:
            raise ValueError("there is no connection")
        if not 0 < len(names) == len(columns) <= MOST_COLUMNS:
            raise ValueError(f"{len(columns)} columns for {len(names)} names")
        for i in range(len(columns)):
            if not differs(columns[i]):
                same |= <uint64_t>1 << i
            elif count >= 0 and len(columns[i]) != count:
                raise ValueError("columns have different lengths")
            else:
                count = len(columns[i])
        if count < 0:
            raise ValueError("no column says how many rows there are")
        if count:
            self._insert(self._statement(table, names, same), columns, count)

    cdef void _insert(self, void* statement, tuple columns, Py_ssize_t count) except *:
        cdef Py_ssize_t width = len(columns), used = 0, i
        cdef int code
        cdef Cell* cells = <Cell*>PyMem_Malloc(count * width * sizeof(Cell))
        if cells == NULL:
            raise MemoryError
        try:
            for i in range(width):
                column = columns[i]
                if type(column) is list:
                    self.rows.columns[i].cells = cells + used
                    for value in <list>column:
                        read_cell(value, &cells[used])
                        used += 1
                elif type(column) is range:
                    self.rows.columns[i].cells = NULL
                    self.rows.columns[i].first = column.start
                else:
                    read_cell(column, &cells[used])
                    if bind(statement, <int>i + 1, &cells[used]) != SQLITE_OK:
                        raise self._error()
                    used += 1
            self.rows.count = count
            with nogil:
                code = sqlite.step(statement)
                self.rows.count = 0
                sqlite.reset(statement)
            if code != SQLITE_DONE:
                raise self._error()
        finally:
            sqlite.clear_bindings(statement)
            PyMem_Free(cells)

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
