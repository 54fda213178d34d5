"""The value that a statement of SQLite finds by three texts; the contract is in sqlite_point.pyi."""

from libc.stdint cimport int64_t, uint64_t

from blrcs_native.encoding.protobuf_wire cimport Span

cdef enum:
    # The header of the WAL-index, twice (https://sqlite.org/walformat.html, 2.1).
    INDEX_HEADER_SIZE = 96


cdef struct FoundRow:
    # A hash of the texts, and the number of the row that they last had; 0 for none.
    uint64_t texts
    int64_t number


cdef class SqlitePoint:
    cdef void* database
    cdef void* statement
    cdef void* again
    # Where rows were found, if there is a statement that finds them there again.
    cdef FoundRow* rows
    cdef uint64_t seed
    cdef void* begin
    cdef void* end
    cdef void* undo
    cdef const unsigned char* header
    cdef unsigned char[INDEX_HEADER_SIZE] seen
    cdef bint is_held
    cdef object awaited_of
    cdef object release
    cdef object clock
    cdef object note
    cdef int64_t least_ns

    cdef void _close(self) noexcept
    cdef void* _prepared(self, str sql) except NULL
    cdef bytes find_c(self, Span first, Span second, Span third)
    cdef bytes _found(self, Span first, Span second, Span third)
    cdef bytes _value(
        self,
        void* statement,
        Span first,
        Span second,
        Span third,
        int64_t now_ns,
        FoundRow* row,
        int* code,
    )
    cdef FoundRow* _row_of(self, Span first, Span second, Span third) noexcept
    cdef bint _hold(self) except -1
    cdef void _let_go(self) noexcept
    cdef void _look_for_header(self) noexcept
    cdef int64_t _now_ns(self) except? -1
