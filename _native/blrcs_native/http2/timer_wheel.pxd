"""The C face of the timer wheel."""

from libc.stdint cimport int64_t

cdef enum:
    WHEEL_SLOTS = 2048


cdef struct Timer:
    Timer* previous
    Timer* next
    int64_t due_ns
    void* owner
    void (*fire)(void* owner) noexcept


cdef inline void timer_drop(Timer* timer) noexcept nogil:
    """Has whatever holds a timer go without its wheel being asked."""
    if timer.next != NULL:
        timer.previous.next = timer.next
        timer.next.previous = timer.previous
        timer.previous = timer.next = NULL


cdef class TimerWheel:
    cdef Timer _slots[WHEEL_SLOTS]
    cdef int64_t _done_tick
    cdef int64_t _armed_tick
    cdef readonly Py_ssize_t pending
    cdef object _loop
    cdef object _handle

    cdef void schedule(self, Timer* timer, int64_t due_ns) except *
    cdef void cancel(self, Timer* timer) noexcept
    cdef void advance(self, int64_t now_ns) except *
    cdef void _arm(self, int64_t tick) except *
    cdef void _collect(self, Timer* head, Timer* due, int64_t now_ns) noexcept
    cdef void _arm_next(self) except *


cdef class Alarm:
    cdef Timer _timer
    cdef object _callback
