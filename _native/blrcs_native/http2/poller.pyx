"""Which sockets of a server are ready.

They wait in an epoll set of their own, which the event loop knows as one descriptor. So a socket
that is ready costs no callback of the loop, and how much is done before the loop goes on is decided
here. What is ready and not dealt with yet is told again, behind the others (epoll(7), level-triggered).
"""

import os

cimport cython
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport errno
from libc.stdint cimport uint32_t
from posix.unistd cimport close

from blrcs_native.clock cimport monotonic_ns

cdef extern from "<sys/epoll.h>" nogil:
    int EPOLL_CLOEXEC
    int EPOLL_CTL_ADD
    int EPOLL_CTL_MOD
    int EPOLL_CTL_DEL
    ctypedef union epoll_data_t:
        void* ptr
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event)
    int epoll_wait(int epoll, epoll_event* events, int most, int timeout_ms)

cdef enum:
    # Each may have its turn before the loop's own callbacks have theirs.
    TOLD_AT_ONCE = 16
    # How long a reply may wait for those of the others that were ready with it.
    HOLD_NS = 100_000


cdef class Pollable:
    cdef void ready(self, uint32_t events) except *:
        """May be told in vain, and is told again as long as there is something to do.

        One that has been at work leaves the time at which it has done as the poller's `now_ns`, so
        that the next need not ask for it.
        """
        raise NotImplementedError

    cdef void send(self) except *:
        """What `send_later` was asked for; it may have been closed meanwhile."""
        raise NotImplementedError

    cdef void broken(self) except *:
        """It has raised an error, which has been reported."""
        raise NotImplementedError


@cython.final
cdef class Poller:
    def __cinit__(self, loop):
        self._epoll = epoll_create1(EPOLL_CLOEXEC)
        if self._epoll < 0:
            raise OSError(errno, os.strerror(errno))
        self._gone = []
        self._senders = []
        self._loop = loop
        loop.add_reader(self._epoll, self._step)

    def __dealloc__(self):
        if self._epoll >= 0:
            close(self._epoll)

    def close(self):
        if self._loop is not None:
            self._loop.remove_reader(self._epoll)
            self._loop = None
            close(self._epoll)
            self._epoll = -1

    cdef void add(self, Pollable pollable, uint32_t events) except *:
        """Holds it until it is removed."""
        self._control(EPOLL_CTL_ADD, pollable, events)
        Py_INCREF(pollable)

    cdef void change(self, Pollable pollable, uint32_t events) except *:
        self._control(EPOLL_CTL_MOD, pollable, events)

    cdef void remove(self, Pollable pollable) except *:
        """Before its descriptor is closed: another process may have inherited it."""
        self._control(EPOLL_CTL_DEL, pollable, 0)
        if self._stepping:
            self._gone.append(pollable)
        Py_DECREF(pollable)

    cdef void _control(self, int operation, Pollable pollable, uint32_t events) except *:
        cdef epoll_event event
        event.events = events
        event.data.ptr = <void*>pollable
        if epoll_ctl(self._epoll, operation, pollable.fd, &event) != 0:
            raise OSError(errno, os.strerror(errno))

    def _step(self):
        cdef epoll_event events[TOLD_AT_ONCE]
        cdef Pollable pollable
        cdef int index
        cdef int count = epoll_wait(self._epoll, events, TOLD_AT_ONCE, 0)
        self._stepping = True
        self.now_ns = monotonic_ns()
        for index in range(count):
            pollable = <Pollable>events[index].data.ptr
            # One that is ready may have closed another.
            if pollable.fd >= 0:
                self.tell(pollable, events[index].events)
                if self._senders and self.now_ns - self._held_ns > HOLD_NS:
                    self._send()
        if self._senders:
            self._send()
        self._stepping = False
        if self._gone:
            self._gone.clear()

    cdef void tell(self, Pollable pollable, uint32_t events) except *:
        """An error is the socket's own affair, and none of the others'."""
        try:
            pollable.ready(events)
        except BaseException as error:
            self._failed(pollable, error)

    cdef void send_later(self, Pollable pollable) except *:
        """Has it send within this step, behind those that are ready with it.

        Clients that wait on one processor are woken once for all that is sent to them in a row,
        where each reply would else wake them anew, at the cost of who sends it.
        """
        if not self._senders:
            self._held_ns = self.now_ns
        self._senders.append(pollable)

    cdef void _send(self) except *:
        cdef Pollable pollable
        cdef list senders = self._senders
        self._senders = []
        for pollable in senders:
            try:
                pollable.send()
            except BaseException as error:
                self._failed(pollable, error)

    cdef void _failed(self, Pollable pollable, object error) except *:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            # From here they would end the loop's watch over the sockets, and nothing else.
            self._loop.call_soon(throw, error)
            return
        self._loop.call_exception_handler(
            {"message": "a connection failed within the transport", "exception": error}
        )
        pollable.broken()


def throw(error):
    raise error
