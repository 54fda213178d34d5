"""Runs a coroutine at once, in a real task, and needs no new one if it never waits.

asyncio starts a task in the next step of the loop (Python 3.12 can start it at once), and makes a
new one for each coroutine. Here a task is parked: it awaits a future that is never done. While it
is parked, a coroutine can be run in its name and its context without waking it; so it is again, in
one turn with all others, where it has let others go first (`await asyncio.sleep(0)`). Only if the
coroutine waits for a future is the task woken, and takes it over with what it waits for.
"""

import asyncio
from contextvars import copy_context

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

from blrcs_native.http2.current_task cimport CurrentTask
from blrcs_native.http2.task_marks cimport marks_of

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(object, object, PyObject**) except PYGEN_ERROR
    int PyContext_Enter(object) except -1
    int PyContext_Exit(object) except -1
    Py_ssize_t Py_REFCNT(PyObject*) noexcept
    bint PyCoro_CheckExact(object) noexcept

cdef enum:
    MAX_IDLE = 1024
    # Its EagerTask, its own wake-up and who counts; anybody else may use a parked task later.
    PARKED_REFERENCES = 3


async def awaited(awaitable):
    return await awaitable


cdef object conclusion(Runner runner, object result, object error):
    try:
        return runner.concluded(result, error)
    except BaseException as failure:
        return failure


cdef class Runner:
    cdef object started(self, object request):
        """What is to be run, an awaitable, or None for nothing; asked within the task."""
        raise NotImplementedError

    cdef object concluded(self, object result, object error):
        """What `finished` is told of what it started, an exception as its error; asked within the
        task."""
        raise NotImplementedError

    cdef void finished(self, object result, object error) except *:
        """The coroutine has ended; one of the two is None."""
        raise NotImplementedError

    def time_remaining(self):
        return None


@cython.final
cdef class CallbackRunner(Runner):
    """Tells a Python function."""

    cdef object _callback

    def __cinit__(self, callback):
        self._callback = callback

    cdef void finished(self, object result, object error) except *:
        self._callback(result, error)


@cython.final
cdef class Parking:
    """What a parked task waits for: a future, as far as tasks know them."""

    def __cinit__(self, EagerTask resident):
        self._resident = resident

    def get_loop(self):
        return self._resident._pool._loop

    def add_done_callback(self, callback, *, context=None):
        self._resident._wakeup = callback
        self._resident._parked = True
        if not self._resident._retired and not self._resident._inline:
            self._resident._pool.park(self._resident)

    def remove_done_callback(self, callback):
        return 0

    def result(self):
        return None

    def cancel(self, msg=None):
        # False has the task raise CancelledError at its next step.
        self._resident._tainted = True
        if not self._resident._inline:
            self._resident._retire()
        return False


@cython.final
cdef class EagerTask:
    """The coroutine of one task: steps through one job after another, and parks between them."""

    def __cinit__(self, TaskPool pool not None):
        self._pool = pool
        self._context = copy_context()
        self._blank = self._context.copy()
        self._parking = Parking(self)

    cdef bint cancel(self) except -1:
        """Raises CancelledError in the job that waits."""
        return self.task.cancel()

    cdef bint _advance(self, object job, object request) except -1:
        """Runs the job, or what the runner starts, in the task's name; whether it has ended."""
        cdef Runner runner = self._runner
        cdef PyObject* sent = NULL
        cdef PySendResult status = PYGEN_RETURN
        cdef object given = None
        cdef object failure = None
        cdef object outer = self._enter()
        try:
            if job is None:
                job = runner.started(request)
                if job is not None and not PyCoro_CheckExact(job):
                    job = awaited(job)
            if job is not None:
                status = PyIter_Send(job, None, &sent)
                given = <object>sent
                Py_DECREF(given)
        except BaseException as error:
            status = PYGEN_ERROR
            failure = error
        if status != PYGEN_NEXT and self._concludes:
            given = conclusion(runner, given, failure)
            failure = None
        self._leave(outer)
        if status == PYGEN_NEXT:
            self._job = job
            self._wait(given, outer)
            return False
        self._runner = None
        self._settle()
        self._tell(runner, given, failure)
        return True

    cdef void _wait(self, object awaited, object outer) except *:
        """For a future, or for nothing but its next turn."""
        if awaited is None and self._parked and not self._tainted and not self._retired:
            self._pool.again(self)
            return
        self._awaited = awaited
        self._has_awaited = True
        if self._parked:
            if outer is None:
                self._wake()
            else:
                self._pool._loop.call_soon(self._wake_up)

    cdef void _run_again(self) except *:
        """Whose task was cancelled meanwhile is woken, and told of it."""
        cdef object job
        if not self._queued or self._tainted or self._retired:
            return
        self._queued = False
        job, self._job = self._job, None
        self._advance(job, None)

    cdef object _enter(self):
        """Makes the task the current one; gives the one that was, if any."""
        cdef object outer = self._pool.current_task.enter(self.task)
        PyContext_Enter(self._context)
        self._inline = True
        return outer

    cdef void _leave(self, object outer) except *:
        self._inline = False
        PyContext_Exit(self._context)
        self._pool.current_task.leave(outer)

    cdef void _settle(self) except *:
        """After a job that the task itself never stepped through."""
        if not self._reusable():
            self._retire()
        elif self._parked:
            self._pool.park(self)

    cdef bint _reusable(self) except -1:
        return (
            not self._tainted
            and not self._pool.closed
            and self._context == self._blank
            and not self._marks.are_on(self.task)
            and len(self._pool._idle) < MAX_IDLE
        )

    cdef void _retire(self) except *:
        """Has the task end, in a later step, since another one may be running in this one."""
        self._retired = True
        if self._parked:
            self._pool._loop.call_soon(self._wake_up)

    cdef void _wake(self) except *:
        self._parked = False
        self._pool.current_task.make_way()
        PyContext_Enter(self._context)
        try:
            self._wakeup(self._parking)
        finally:
            PyContext_Exit(self._context)

    def _wake_up(self):
        if self._parked:
            self._wake()

    def time_remaining(self):
        return None if self._runner is None else self._runner.time_remaining()

    # What follows is a coroutine's interface: the task steps through it.

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self._step(None)

    def send(self, value):
        return self._step(None)

    def throw(self, kind, value=None, traceback=None):
        error = kind if isinstance(kind, BaseException) else (value or kind())
        return self._step(error)

    def close(self):
        job = self._job
        self._job = None
        if job is not None:
            job.close()

    cdef object _step(self, object thrown):
        cdef PyObject* sent = NULL
        cdef PySendResult status
        cdef object given
        self._parked = self._queued = False
        if self._job is None:
            if thrown is not None:
                self._retired = True
                self._let_go()
                raise thrown
            return self._park()
        if self._has_awaited:
            self._has_awaited = False
            given = self._awaited
            self._awaited = None
            if thrown is None or self._passes_on(thrown, given):
                return given
        try:
            if thrown is not None:
                return self._job.throw(thrown)
            status = PyIter_Send(self._job, None, &sent)
        except StopIteration as stop:
            self._end_job(stop.value, None)
            return self._park()
        except BaseException as error:
            self._end_job(None, error)
            return self._park()
        given = <object>sent
        Py_DECREF(given)
        if status == PYGEN_NEXT:
            return given
        self._end_job(given, None)
        return self._park()

    cdef bint _passes_on(self, object thrown, object awaited) except -1:
        """A cancellation before the task's first step goes to what the job waits for, as later."""
        return (
            isinstance(thrown, asyncio.CancelledError)
            and awaited is not None
            and awaited.cancel()
        )

    cdef object _park(self):
        # A pool may be closed between a job and the task's own first step.
        if self._retired or self._pool.closed:
            self._let_go()
            raise StopIteration
        self._parking._asyncio_future_blocking = True
        return self._parking

    cdef void _let_go(self) noexcept:
        """Task and coroutine refer to each other: nothing of it waits for the collector."""
        self.task = None
        self._parking = None
        self._wakeup = None

    cdef void _end_job(self, object result, object error) except *:
        cdef Runner runner = self._runner
        self._job = None
        self._runner = None
        if self._concludes:
            result = conclusion(runner, result, error)
            error = None
        if self.task.cancelling() or not self._reusable():
            self._retired = True
        self._tell(runner, result, error)

    cdef void _tell(self, Runner runner, object result, object error) except *:
        if self._concludes and type(result) is not bytes and isinstance(result, BaseException):
            runner.finished(None, result)
        else:
            runner.finished(result, error)


@cython.final
cdef class TaskPool:
    def __cinit__(self, loop):
        self._loop = loop
        self.current_task = CurrentTask(loop)
        self._idle = []
        self._turn = []

    @property
    def idle(self):
        return len(self._idle) + (self._spare is not None)

    cdef EagerTask run(self, object job, Runner runner):
        """The task in which the job waits, or None where it has ended."""
        cdef EagerTask eager = self._take()
        eager._runner = runner
        eager._concludes = False
        return None if eager._advance(job, None) else eager

    cdef EagerTask serve(self, Runner runner, object request):
        """The same for what the runner starts, and concludes."""
        cdef EagerTask eager = self._take()
        eager._runner = runner
        eager._concludes = True
        return None if eager._advance(None, request) else eager

    cdef void again(self, EagerTask eager) except *:
        eager._queued = True
        self._turn.append(eager)
        if len(self._turn) == 1:
            self._loop.call_soon(self._run_turn)

    def _run_turn(self):
        cdef EagerTask eager
        cdef Py_ssize_t done = 0
        cdef list turn = self._turn
        self._turn = []
        self.current_task.turn_begun()
        try:
            for eager in turn:
                done += 1
                eager._run_again()
        finally:
            self.current_task.turn_ended()
            if done < len(turn):
                # One has ended the loop: the others go on if it does.
                self._turn = turn[done:] + self._turn
                self._loop.call_soon(self._run_turn)

    cdef EagerTask _take(self):
        cdef EagerTask eager
        cdef object task
        while self._spare is not None or self._idle:
            if self._spare is not None:
                eager, self._spare = self._spare, None
            else:
                eager = self._idle.pop()
            if eager._retired:
                continue
            task = eager.task
            if Py_REFCNT(<PyObject*>task) <= PARKED_REFERENCES:
                return eager
            eager._retire()
        eager = EagerTask(self)
        eager.task = task = asyncio.Task(eager, loop=self._loop, context=eager._context)
        eager._marks = marks_of(task)
        return eager

    cdef void park(self, EagerTask eager) except *:
        """For the next job."""
        if self._spare is None:
            self._spare = eager
        else:
            self._idle.append(eager)

    def start(self, coroutine, finished):
        cdef EagerTask eager = self.run(coroutine, CallbackRunner(finished))
        return None if eager is None else eager.task

    def close(self):
        cdef EagerTask eager
        self.closed = True
        idle, self._idle = self._idle, []
        if self._spare is not None:
            idle.append(self._spare)
            self._spare = None
        for eager in idle:
            if not eager._retired:
                eager._retire()
