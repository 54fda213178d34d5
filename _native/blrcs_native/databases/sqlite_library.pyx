"""Finds SQLite's functions in the library that Python's own module has loaded."""

import _sqlite3
import os

from posix.dlfcn cimport RTLD_LAZY, dlopen, dlsym


cdef bint load_sqlite(SqliteLibrary* library) except -1:
    """False where the module does not show its library.

    It has to be the same one: the locks that a second copy of SQLite takes on a file are lost as
    soon as the first one closes any descriptor of it (https://sqlite.org/howtocorrupt.html, 2.2.1).
    """
    cdef void* handle
    cdef bytes path = os.fsencode(getattr(_sqlite3, "__file__", ""))
    handle = dlopen(<const char*>path if path else NULL, RTLD_LAZY)
    if handle == NULL:
        return False
    cdef void** at = <void**>library
    for name in (
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
        b"sqlite3_file_control",
        b"sqlite3_auto_extension",
        b"sqlite3_cancel_auto_extension",
        b"sqlite3_bind_blob",
        b"sqlite3_bind_double",
        b"sqlite3_bind_null",
        b"sqlite3_clear_bindings",
        b"sqlite3_extended_errcode",
        b"sqlite3_errmsg",
    ):
        # The order is that of the structure.
        at[0] = dlsym(handle, <const char*>(<bytes>name))
        if at[0] == NULL:
            return False
        at += 1
    return True
