"""Finds SQLite's functions in the library that Python's own module has loaded."""

import _sqlite3
import os

from posix.dlfcn cimport RTLD_LAZY, dlopen, dlsym


# The order is that of the structure.
cdef tuple READS = (
    b"sqlite3_open_v2",
    b"sqlite3_close_v2",
    b"sqlite3_exec",
    b"sqlite3_prepare_v3",
    b"sqlite3_finalize",
    b"sqlite3_bind_text",
    b"sqlite3_bind_int64",
    b"sqlite3_step",
    b"sqlite3_reset",
    b"sqlite3_column_blob",
    b"sqlite3_column_bytes",
    b"sqlite3_column_int64",
    b"sqlite3_file_control",
)
# Libraries are built without some of them.
cdef tuple INSERTS = (
    b"sqlite3_auto_extension",
    b"sqlite3_cancel_auto_extension",
    b"sqlite3_bind_blob",
    b"sqlite3_bind_double",
    b"sqlite3_bind_null",
    b"sqlite3_clear_bindings",
    b"sqlite3_create_module_v2",
    b"sqlite3_declare_vtab",
    b"sqlite3_result_text",
    b"sqlite3_result_blob",
    b"sqlite3_result_int64",
    b"sqlite3_result_double",
    b"sqlite3_extended_errcode",
    b"sqlite3_errmsg",
)


cdef bint load_sqlite(SqliteLibrary* library) except -1:
    """False where the module does not show its library.

    It has to be the same one: the locks that a second copy of SQLite takes on a file are lost as
    soon as the first one closes any descriptor of it (https://sqlite.org/howtocorrupt.html, 2.2.1).
    """
    cdef void* handle
    cdef void** inserts = <void**>&library.auto_extension
    cdef bytes path = os.fsencode(getattr(_sqlite3, "__file__", ""))
    handle = dlopen(<const char*>path if path else NULL, RTLD_LAZY)
    if handle == NULL or not found(handle, READS, <void**>library):
        return False
    if not found(handle, INSERTS, inserts):
        inserts[0] = NULL
    return True


cdef bint has_inserts(const SqliteLibrary* library) noexcept:
    """Whether there is what adds rows as well, in a library that was loaded."""
    return library.auto_extension != NULL


cdef bint found(void* handle, tuple names, void** at) except -1:
    for name in names:
        at[0] = dlsym(handle, <const char*>(<bytes>name))
        if at[0] == NULL:
            return False
        at += 1
    return True
