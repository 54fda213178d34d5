"""Awaitables that need not wait: what a coroutine would give, without making one."""

cimport cython


@cython.final
@cython.freelist(64)
cdef class Ready:
    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        if self._error is not None:
            raise self._error
        if self._value is None:
            raise StopIteration
        raise StopIteration(self._value)

    def send(self, value):
        return self.__next__()

    def throw(self, kind, value=None, traceback=None):
        raise kind if isinstance(kind, BaseException) else (value or kind())

    def close(self):
        pass


cdef object ready(object value):
    cdef Ready made = Ready.__new__(Ready)
    made._value = value
    return made


cdef object raising(object error):
    cdef Ready made = Ready.__new__(Ready)
    made._error = error
    return made


cdef Ready DONE = ready(None)
