"""Many deadlines under one timer of the event loop.

A hashed wheel (Varghese and Lauck, 1987): a timer hangs in the slot of its tick, modulo the number
of slots, and is passed over while its round has not come.
"""

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.clock cimport monotonic_ns

cdef int64_t TICK_NS = 4_194_304
cdef int64_t NEVER = -1


cdef void ring(void* owner) noexcept:
    (<Alarm>owner)._callback()


@cython.final
cdef class Alarm:
    def __cinit__(self, callback):
        self._callback = callback
        self._timer.owner = <void*>self
        self._timer.fire = ring

    def __dealloc__(self):
        timer_drop(&self._timer)


@cython.final
cdef class TimerWheel:
    def __cinit__(self, loop=None):
        cdef Py_ssize_t slot
        for slot in range(WHEEL_SLOTS):
            self._slots[slot].next = self._slots[slot].previous = &self._slots[slot]
        self._loop = loop
        self._done_tick = monotonic_ns() // TICK_NS
        self._armed_tick = NEVER

    def __dealloc__(self):
        cdef Py_ssize_t slot
        for slot in range(WHEEL_SLOTS):
            while self._slots[slot].next != &self._slots[slot]:
                timer_drop(self._slots[slot].next)

    cdef void schedule(self, Timer* timer, int64_t due_ns) except *:
        """Sets a timer, anew if it is set already."""
        cdef int64_t tick
        cdef Timer* head
        if timer.next != NULL:
            self.cancel(timer)
        tick = due_ns // TICK_NS + 1
        if tick <= self._done_tick:
            tick = self._done_tick + 1
        head = &self._slots[tick % WHEEL_SLOTS]
        timer.due_ns = due_ns
        timer.previous = head.previous
        timer.next = head
        head.previous.next = timer
        head.previous = timer
        self.pending += 1
        if self._armed_tick == NEVER or tick < self._armed_tick:
            self._arm(tick)

    def set(self, Alarm alarm not None, int64_t due_ns):
        self.schedule(&alarm._timer, due_ns)

    def unset(self, Alarm alarm not None):
        self.cancel(&alarm._timer)

    def advance_to(self, int64_t now_ns):
        self.advance(now_ns)

    cdef void cancel(self, Timer* timer) noexcept:
        """Does nothing where it is not set."""
        if timer.next == NULL:
            return
        timer_drop(timer)
        self.pending -= 1

    cdef void advance(self, int64_t now_ns) except *:
        """Fires all that is due. What a timer does may set and cancel any others."""
        cdef int64_t now_tick = now_ns // TICK_NS
        cdef int64_t tick = self._done_tick + 1
        cdef Timer* timer
        cdef Timer due
        if now_tick - tick >= WHEEL_SLOTS:
            tick = now_tick - WHEEL_SLOTS + 1
        self._done_tick = now_tick if now_tick > self._done_tick else self._done_tick
        due.next = due.previous = &due
        while tick <= now_tick:
            self._collect(&self._slots[tick % WHEEL_SLOTS], &due, now_ns)
            tick += 1
        while due.next != &due:
            timer = due.next
            self.cancel(timer)
            timer.fire(timer.owner)

    cdef void _collect(self, Timer* head, Timer* due, int64_t now_ns) noexcept:
        cdef Timer* timer = head.next
        cdef Timer* following
        while timer != head:
            following = timer.next
            if timer.due_ns <= now_ns:
                timer.previous.next = timer.next
                timer.next.previous = timer.previous
                timer.previous = due.previous
                timer.next = due
                due.previous.next = timer
                due.previous = timer
            timer = following

    def _tick(self):
        self._handle = None
        self._armed_tick = NEVER
        self.advance(monotonic_ns())
        self._arm_next()

    cdef void _arm_next(self) except *:
        cdef int64_t tick
        if self.pending == 0:
            return
        for tick in range(self._done_tick + 1, self._done_tick + 1 + WHEEL_SLOTS):
            if self._slots[tick % WHEEL_SLOTS].next != &self._slots[tick % WHEEL_SLOTS]:
                if self._armed_tick == NEVER or tick < self._armed_tick:
                    self._arm(tick)
                return

    cdef void _arm(self, int64_t tick) except *:
        cdef double delay_s
        if self._loop is None:
            return
        if self._handle is not None:
            self._handle.cancel()
        delay_s = <double>(tick * TICK_NS - monotonic_ns()) / 1e9
        self._armed_tick = tick
        self._handle = self._loop.call_later(max(delay_s, 0.0), self._tick)

    def close(self):
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._armed_tick = NEVER
        self._loop = None
