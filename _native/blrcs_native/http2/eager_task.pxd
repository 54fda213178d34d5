"""The C face of eager tasks."""


cdef class Runner:
    cdef void finished(self, object result, object error) except *


cdef class Parking:
    cdef EagerTask _resident
    cdef public bint _asyncio_future_blocking


cdef class EagerTask:
    cdef TaskPool _pool
    cdef readonly object task
    cdef object _context
    cdef object _blank
    cdef object _name
    cdef Py_ssize_t _weak_references
    cdef Parking _parking
    cdef object _wakeup
    cdef object _job
    cdef object _awaited
    cdef Runner _runner
    cdef bint _has_awaited
    cdef bint _inline
    cdef bint _parked
    cdef bint _tainted
    cdef bint _retired

    cdef bint cancel(self) except -1
    cdef bint _run_inline(self, object job, Runner runner) except -1
    cdef object _enter(self)
    cdef void _leave(self, object outer) except *
    cdef object _step(self, object thrown)
    cdef void _end_job(self, object result, object error) except *
    cdef bint _reusable(self) except -1
    cdef bint _is_marked(self) except -1
    cdef void _retire(self) except *
    cdef bint _passes_on(self, object thrown, object awaited) except -1
    cdef void _let_go(self) noexcept
    cdef void _wake(self) except *
    cdef void _settle(self) except *
    cdef object _park(self)


cdef class TaskPool:
    cdef object _loop
    cdef list _idle
    cdef readonly bint closed

    cdef EagerTask run(self, object job, Runner runner)
    cdef EagerTask _take(self)
