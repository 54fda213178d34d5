"""Rows of Python values as a table that SQLite reads."""

from libc.stdint cimport int64_t

cdef enum:
    # Of a statement that inserts rows.
    MOST_COLUMNS = 64

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
    # NULL where rows have numbers from the first one on.
    const Cell* cells
    int64_t first

cdef struct GivenRows:
    # Which a statement reads that is running.
    Column[MOST_COLUMNS] columns
    int64_t count

# Of a connection, which the table goes with; NULL where it cannot have one.
cdef GivenRows* rows_table(void* database) noexcept
