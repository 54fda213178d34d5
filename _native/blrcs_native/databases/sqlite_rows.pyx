"""A virtual table (https://sqlite.org/vtab.html) of the rows that a statement is given.

A statement that reads all of its rows keeps its place in every B-tree that it adds to; begun anew
for each row, it would look for them from their roots, and bind each value under a lock.
"""

from libc.stdlib cimport calloc, free

from blrcs_native.databases.sqlite_library cimport (
    SQLITE_NOMEM,
    SQLITE_OK,
    SqliteLibrary,
    has_inserts,
    load_sqlite,
)

cdef extern from *:
    """
    /* What SQLite's structures begin with. */
    typedef struct { const void *module; int references; char *message; } BlrcsTable;
    typedef struct { BlrcsTable *table; } BlrcsCursor;
    """
    ctypedef struct SqliteTable "BlrcsTable":
        pass
    ctypedef struct SqliteCursor "BlrcsCursor":
        SqliteTable* table

cdef struct RowsTable:
    SqliteTable head
    const GivenRows* rows

cdef struct RowsCursor:
    SqliteCursor head
    int64_t at

# Of the first version: what comes behind is not looked at. Of an eponymous table nothing is created.
cdef struct Module:
    int version
    void* create
    int (*connect)(
        void*, void*, int, const char* const*, SqliteTable**, char**
    ) noexcept nogil
    int (*best_index)(SqliteTable*, void*) noexcept nogil
    int (*disconnect)(SqliteTable*) noexcept nogil
    void* destroy
    int (*open)(SqliteTable*, SqliteCursor**) noexcept nogil
    int (*close)(SqliteCursor*) noexcept nogil
    int (*filter)(SqliteCursor*, int, const char*, int, void**) noexcept nogil
    int (*next)(SqliteCursor*) noexcept nogil
    int (*eof)(SqliteCursor*) noexcept nogil
    int (*column)(SqliteCursor*, void*, int) noexcept nogil
    int (*rowid)(SqliteCursor*, int64_t*) noexcept nogil
    void* of_those_written_to[7]

cdef bytes NAME = b"blrcs_rows"
cdef bytes DEFINITION = (
    f"CREATE TABLE given ({', '.join([f'c{number}' for number in range(MOST_COLUMNS)])})".encode()
)
cdef const char* definition = DEFINITION
cdef SqliteLibrary sqlite
cdef bint is_loaded = load_sqlite(&sqlite) and has_inserts(&sqlite)
cdef Module module


cdef int connect_table(
    void* database,
    void* rows,
    int count,
    const char* const* names,
    SqliteTable** made,
    char** message,
) noexcept nogil:
    cdef RowsTable* table
    cdef int code = sqlite.declare_vtab(database, definition)
    if code != SQLITE_OK:
        return code
    table = <RowsTable*>calloc(1, sizeof(RowsTable))
    if table == NULL:
        return SQLITE_NOMEM
    table.rows = <const GivenRows*>rows
    made[0] = &table.head
    return SQLITE_OK


cdef int best_index(SqliteTable* table, void* plan) noexcept nogil:
    # There is one way: all of them, in their order.
    return SQLITE_OK


cdef int disconnect_table(SqliteTable* table) noexcept nogil:
    free(table)
    return SQLITE_OK


cdef int open_cursor(SqliteTable* table, SqliteCursor** made) noexcept nogil:
    cdef RowsCursor* cursor = <RowsCursor*>calloc(1, sizeof(RowsCursor))
    if cursor == NULL:
        return SQLITE_NOMEM
    made[0] = &cursor.head
    return SQLITE_OK


cdef int close_cursor(SqliteCursor* cursor) noexcept nogil:
    free(cursor)
    return SQLITE_OK


cdef int begin(
    SqliteCursor* cursor, int number, const char* text, int count, void** values
) noexcept nogil:
    (<RowsCursor*>cursor).at = 0
    return SQLITE_OK


cdef int go_on(SqliteCursor* cursor) noexcept nogil:
    (<RowsCursor*>cursor).at += 1
    return SQLITE_OK


cdef int is_at_end(SqliteCursor* cursor) noexcept nogil:
    return (<RowsCursor*>cursor).at >= (<RowsTable*>cursor.table).rows.count


cdef int give_value(SqliteCursor* cursor, void* to, int place) noexcept nogil:
    cdef const Column* column = &(<RowsTable*>cursor.table).rows.columns[place]
    cdef int64_t row = (<RowsCursor*>cursor).at
    cdef const Cell* cell
    if column.cells == NULL:
        sqlite.result_int64(to, column.first + row)
        return SQLITE_OK
    cell = &column.cells[row]
    # What it refers to outlives the statement's run, so that SQLite need not copy it.
    if cell.kind == TEXT:
        sqlite.result_text(to, cell.data, cell.size, NULL)
    elif cell.kind == OCTETS:
        sqlite.result_blob(to, cell.data, cell.size, NULL)
    elif cell.kind == WHOLE:
        sqlite.result_int64(to, cell.number)
    elif cell.kind == REAL:
        sqlite.result_double(to, cell.real)
    # Else it is NULL, as a result is that nobody has set.
    return SQLITE_OK


cdef int number_row(SqliteCursor* cursor, int64_t* number) noexcept nogil:
    number[0] = (<RowsCursor*>cursor).at
    return SQLITE_OK


module.connect = connect_table
module.best_index = best_index
module.disconnect = disconnect_table
module.open = open_cursor
module.close = close_cursor
module.filter = begin
module.next = go_on
module.eof = is_at_end
module.column = give_value
module.rowid = number_row


cdef GivenRows* rows_table(void* database) noexcept:
    cdef GivenRows* rows
    if not is_loaded:
        return NULL
    rows = <GivenRows*>calloc(1, sizeof(GivenRows))
    # Where it fails, it gives the rows back by itself.
    if rows != NULL and sqlite.create_module(
        database, <const char*>NAME, &module, rows, <void*>free
    ) != SQLITE_OK:
        return NULL
    return rows
