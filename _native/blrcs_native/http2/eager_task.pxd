"""The C face of eager tasks."""

from blrcs_native.http2.current_task cimport CurrentTask
from blrcs_native.http2.task_marks cimport TaskMarks


cdef class Runner:
    cdef object started(self, object request)
    cdef object concluded(self, object result, object error)
    cdef void finished(self, object result, object error) except *


cdef class Parking:
    cdef EagerTask _resident
    cdef public bint _asyncio_future_blocking


cdef class EagerTask:
    cdef TaskPool _pool
    cdef readonly object task
    cdef object _context
    cdef object _blank
    cdef TaskMarks _marks
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
    # The job is what the runner started, which it concludes.
    cdef bint _concludes
    # The job has only let others go first, and is run again in the pool's next turn.
    cdef bint _queued

    cdef bint cancel(self) except -1
    cdef bint _advance(self, object job, object request) except -1
    cdef void _wait(self, object awaited, object outer) except *
    cdef object _enter(self)
    cdef void _leave(self, object outer) except *
    cdef object _step(self, object thrown)
    cdef void _end_job(self, object result, object error) except *
    cdef void _run_again(self) except *
    cdef void _tell(self, Runner runner, object result, object error) except *
    cdef bint _reusable(self) except -1
    cdef void _retire(self) except *
    cdef bint _passes_on(self, object thrown, object awaited) except -1
    cdef void _let_go(self) noexcept
    cdef void _wake(self) except *
    cdef void _settle(self) except *
    cdef object _park(self)


cdef class TaskPool:
    cdef object _loop
    cdef CurrentTask current_task
    # The one that was parked last, and the others: a list that is emptied gives its memory back.
    cdef EagerTask _spare
    cdef list _idle
    # Those that are run again in the loop's next step.
    cdef list _turn
    cdef readonly bint closed

    cdef EagerTask run(self, object job, Runner runner)
    cdef EagerTask serve(self, Runner runner, object request)
    cdef void again(self, EagerTask eager) except *
    cdef EagerTask _take(self)
    cdef void park(self, EagerTask eager) except *
