"""SQLite's C API, as far as it is needed, of the library that Python's sqlite3 module uses.

Declared by hand, since its ABI is kept (https://sqlite.org/c3ref/intro.html) and no header is then
needed for a build.
"""

cdef extern from *:
    """
    typedef struct BlrcsSqliteFile BlrcsSqliteFile;
    typedef struct {
        int version;
        void *before_shared_memory[12];
        int (*map_shared)(BlrcsSqliteFile *, int, int, int, void **);
    } BlrcsSqliteFileMethods;
    struct BlrcsSqliteFile { const BlrcsSqliteFileMethods *methods; };
    """
    ctypedef struct SqliteFileMethods "BlrcsSqliteFileMethods":
        int version
        int (*map_shared)(SqliteFile*, int, int, int, void**) noexcept nogil

    ctypedef struct SqliteFile "BlrcsSqliteFile":
        const SqliteFileMethods* methods

cdef enum:
    SQLITE_OK = 0
    SQLITE_NOMEM = 7
    SQLITE_ROW = 100
    SQLITE_DONE = 101
    SQLITE_OPEN_READWRITE = 0x2
    SQLITE_OPEN_NOMUTEX = 0x8000
    SQLITE_PREPARE_PERSISTENT = 0x1
    SQLITE_FCNTL_FILE_POINTER = 7


cdef struct SqliteLibrary:
    int (*open_v2)(const char*, void**, int, const char*) noexcept nogil
    int (*close_v2)(void*) noexcept nogil
    int (*execute)(void*, const char*, void*, void*, void*) noexcept nogil
    int (*prepare_v3)(void*, const char*, int, unsigned int, void**, void*) noexcept nogil
    int (*finalize)(void*) noexcept nogil
    int (*bind_text)(void*, int, const char*, int, void*) noexcept nogil
    int (*bind_int64)(void*, int, long long) noexcept nogil
    int (*step)(void*) noexcept nogil
    int (*reset)(void*) noexcept nogil
    const void* (*column_blob)(void*, int) noexcept nogil
    int (*column_bytes)(void*, int) noexcept nogil
    long long (*column_int64)(void*, int) noexcept nogil
    int (*file_control)(void*, const char*, int, void*) noexcept nogil
    # Of these the first one is NULL unless all are there.
    int (*auto_extension)(void*) noexcept nogil
    int (*cancel_auto_extension)(void*) noexcept nogil
    int (*bind_blob)(void*, int, const char*, int, void*) noexcept nogil
    int (*bind_double)(void*, int, double) noexcept nogil
    int (*bind_null)(void*, int) noexcept nogil
    int (*clear_bindings)(void*) noexcept nogil
    int (*create_module)(void*, const char*, void*, void*, void*) noexcept nogil
    int (*declare_vtab)(void*, const char*) noexcept nogil
    void (*result_text)(void*, const char*, int, void*) noexcept nogil
    void (*result_blob)(void*, const void*, int, void*) noexcept nogil
    void (*result_int64)(void*, long long) noexcept nogil
    void (*result_double)(void*, double) noexcept nogil
    int (*extended_errcode)(void*) noexcept nogil
    const char* (*errmsg)(void*) noexcept nogil


cdef bint load_sqlite(SqliteLibrary* library) except -1
cdef bint has_inserts(const SqliteLibrary* library) noexcept
