"""The value that a statement of SQLite finds by three texts, with nothing of Python between.

What begins and ends a read, its locks in shared memory, takes as long as all the rest of it. So
reads of one turn of the loop share a snapshot as long as nobody has committed since it was taken.
To look through an index of three texts takes half of the rest: so it is remembered, for some texts,
in which row they were. A page that is not kept has to be asked of the kernel, which takes as long as
all of this: so more of them are kept than SQLite would by itself. It forgets them where others commit.
"""

import os
import time
from asyncio import get_running_loop

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from blrcs_native.clock cimport monotonic_ns
from blrcs_native.databases.sqlite_library cimport (
    SQLITE_DONE,
    SQLITE_FCNTL_FILE_POINTER,
    SQLITE_OK,
    SQLITE_OPEN_NOMUTEX,
    SQLITE_OPEN_READWRITE,
    SQLITE_PREPARE_PERSISTENT,
    SQLITE_ROW,
    SqliteFile,
    SqliteLibrary,
    load_sqlite,
)
from blrcs_native.encoding.octets_hash cimport octets_hash
from blrcs_native.encoding.protobuf_wire cimport Span, span_of, text_of

cdef enum:
    INDEX_VERSION = 3007000
    INDEX_REGION_SIZE = 32768
    SHARED_MEMORY_METHODS = 2
    # Rows that are found again, of all that were found. A power of two.
    MOST_ROWS = 1 << 13

# Taken as pages are read.
PAGES_KIB = 32 << 10

cdef SqliteLibrary sqlite
cdef bint is_loaded = load_sqlite(&sqlite)

is_available = bool(is_loaded)


cdef Span utf8_of(str text):
    cdef Py_ssize_t size = 0
    cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
    return span_of(data, size)


cdef inline bint bind(void* statement, int position, Span text) noexcept nogil:
    # The text outlives the step, so that SQLite need not copy it.
    return sqlite.bind_text(
        statement, position, <const char*>text.data, <int>text.size, NULL
    ) == SQLITE_OK


cdef inline bint run(void* statement) noexcept nogil:
    """Runs what gives no row."""
    cdef int code = sqlite.step(statement)
    sqlite.reset(statement)
    return code == SQLITE_DONE


@cython.final
cdef class SqlitePoint:
    """See sqlite_point.pyi."""

    def __cinit__(self):
        self.database = self.statement = self.again = self.begin = self.end = NULL
        self.rows = NULL
        self.header = NULL
        self.undo = NULL
        self.is_held = False

    def __init__(self, path, str sql not None, str again=None, *, clock=time.time_ns):
        cdef bytes name = os.fsencode(path)
        cdef bytes settings = (
            f"PRAGMA query_only=ON; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-{PAGES_KIB}"
        ).encode()
        self.clock = None if clock is time.time_ns else clock
        self.note = None
        self.awaited_of = None
        self.least_ns = INT64_MAX
        self.release = self._release
        if not is_loaded:
            raise OSError("Python's sqlite3 does not show its library")
        if sqlite.open_v2(
            name, &self.database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL
        ) != SQLITE_OK:
            self.close()
            raise OSError(f"{path} cannot be opened")
        if sqlite.execute(self.database, settings, NULL, NULL, NULL) != SQLITE_OK:
            self.close()
            raise OSError(f"{path} cannot be read")
        try:
            self.statement = self._prepared(sql)
            if again is not None:
                self.again = self._prepared(again)
            self.begin = self._prepared("BEGIN")
            self.end = self._prepared("COMMIT")
            self.undo = self._prepared("ROLLBACK")
        except OSError:
            self.close()
            raise
        if self.again != NULL:
            self.seed = int.from_bytes(os.urandom(8), "little")
            self.rows = <FoundRow*>calloc(MOST_ROWS, sizeof(FoundRow))
            if self.rows == NULL:
                self.close()
                raise MemoryError

    def __dealloc__(self):
        self._close()

    def __call__(self, str first not None, str second not None, str third not None):
        return self.find_c(utf8_of(first), utf8_of(second), utf8_of(third))

    def watch(self, int64_t least_ns, note not None):
        self.least_ns = least_ns
        self.note = note

    def close(self):
        self._close()
        self.release = None  # a cycle

    cdef void _close(self) noexcept:
        # All of these do nothing with NULL.
        if not is_loaded:
            return
        sqlite.finalize(self.statement)
        sqlite.finalize(self.again)
        sqlite.finalize(self.begin)
        sqlite.finalize(self.end)
        sqlite.finalize(self.undo)
        sqlite.close_v2(self.database)
        self.database = self.statement = self.again = self.begin = self.end = self.undo = NULL
        free(self.rows)
        self.rows = NULL
        self.header = NULL
        self.is_held = False

    cdef void* _prepared(self, str sql) except NULL:
        cdef bytes text = sql.encode()
        cdef void* statement = NULL
        cdef int code = sqlite.prepare_v3(
            self.database, text, <int>len(text), SQLITE_PREPARE_PERSISTENT, &statement, NULL
        )
        if code != SQLITE_OK or statement == NULL:
            raise OSError(f"SQLite refuses {sql}")
        return statement

    cdef bytes find_c(self, Span first, Span second, Span third):
        cdef int64_t began_ns, took_ns
        cdef bytes found
        if self.statement == NULL:
            return None
        if self.note is None:
            return self._found(first, second, third)
        began_ns = monotonic_ns()
        found = self._found(first, second, third)
        took_ns = monotonic_ns() - began_ns
        if took_ns >= self.least_ns:
            values = (text_of(first), text_of(second), text_of(third), self._now_ns())
            self.note(values, took_ns, 0 if found is None else 1)
        return found

    cdef bytes _found(self, Span first, Span second, Span third):
        cdef bytes found
        cdef int code = SQLITE_DONE
        cdef FoundRow* row = NULL
        cdef int64_t now_ns = self._now_ns()
        if not self._hold():
            return None
        if self.rows != NULL:
            row = self._row_of(first, second, third)
            if row.number != 0 and sqlite.bind_int64(self.again, 5, row.number) == SQLITE_OK:
                found = self._value(self.again, first, second, third, now_ns, NULL, &code)
                if code == SQLITE_ROW:
                    return found
        found = self._value(self.statement, first, second, third, now_ns, row, &code)
        if code != SQLITE_ROW and code != SQLITE_DONE:
            self._let_go()
        elif self.header == NULL:
            self._look_for_header()
        return found

    cdef bytes _value(
        self,
        void* statement,
        Span first,
        Span second,
        Span third,
        int64_t now_ns,
        FoundRow* row,
        int* code,
    ):
        """What a statement finds, whose row is noted where ``row`` is given."""
        cdef bytes found = None
        if not (
            bind(statement, 1, first)
            and bind(statement, 2, second)
            and bind(statement, 3, third)
            and sqlite.bind_int64(statement, 4, now_ns) == SQLITE_OK
        ):
            return None
        code[0] = sqlite.step(statement)
        if code[0] == SQLITE_ROW:
            found = PyBytes_FromStringAndSize(
                <const char*>sqlite.column_blob(statement, 0), sqlite.column_bytes(statement, 0)
            )
            if row != NULL:
                row.number = sqlite.column_int64(statement, 1)
        sqlite.reset(statement)
        return found

    cdef FoundRow* _row_of(self, Span first, Span second, Span third) noexcept:
        """Where these texts were found; which is only looked at first, since it may be so no more."""
        cdef uint64_t texts = octets_hash(self.seed, first.data, first.size)
        texts = octets_hash(texts, second.data, second.size)
        texts = octets_hash(texts, third.data, third.size)
        cdef FoundRow* row = &self.rows[texts % MOST_ROWS]
        if row.texts != texts:
            row.texts = texts
            row.number = 0
        return row

    cdef bint _hold(self) except -1:
        """Has the next read see all that is committed; False where that cannot be."""
        if self.header == NULL:
            return True
        if self.is_held:
            # Whoever commits changes it before the commit returns.
            if memcmp(self.header, self.seen, INDEX_HEADER_SIZE) == 0:
                return True
            self._let_go()
            if self.header == NULL:
                return False
        try:
            loop = get_running_loop()
        except RuntimeError:
            return True  # nobody would let go of it
        # A loop that has ended before its turn did lets go of nothing any more.
        if loop is not self.awaited_of:
            loop.call_soon(self.release)
            self.awaited_of = loop
        # Before the snapshot, which the first read takes: what it shows is no older than this.
        memcpy(self.seen, self.header, INDEX_HEADER_SIZE)
        self.is_held = run(self.begin)
        return self.is_held

    def _release(self):
        self.awaited_of = None
        self._let_go()

    cdef void _let_go(self) noexcept:
        if self.is_held:
            self.is_held = False
            # One that were left open would show this moment for ever.
            if not run(self.end) and not run(self.undo):
                self._close()

    cdef void _look_for_header(self) noexcept:
        """Where the log's index is mapped; not before something has been read."""
        cdef SqliteFile* file = NULL
        cdef void* region = NULL
        cdef uint32_t version
        if (
            sqlite.file_control(self.database, b"main", SQLITE_FCNTL_FILE_POINTER, &file)
            != SQLITE_OK
            or file == NULL
            or file.methods == NULL
            or file.methods.version < SHARED_MEMORY_METHODS
            or file.methods.map_shared(file, 0, INDEX_REGION_SIZE, 0, &region) != SQLITE_OK
            or region == NULL
        ):
            return
        memcpy(&version, region, sizeof(version))
        if version == INDEX_VERSION:
            self.header = <const unsigned char*>region

    cdef int64_t _now_ns(self) except? -1:
        cdef timespec now
        if self.clock is not None:
            return self.clock()
        clock_gettime(CLOCK_REALTIME, &now)
        return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec
