"""Accepts the connections of a listening socket.

However many there are, they have a turn like any connection: those that are accepted, and what their
first bytes bring, take a tenth of a millisecond before the others go on.
"""

import os
import socket

cimport cython
from libc.errno cimport EAGAIN, EBADF, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM, errno
from libc.stdint cimport int64_t, uint32_t
from posix.unistd cimport close

from blrcs_native.addresses.ip_address cimport AddressC
from blrcs_native.clock cimport monotonic_ns
from blrcs_native.http2.abuse cimport DESCRIPTOR_LIMIT, PROXY_UNTRUSTED
from blrcs_native.http2.connection cimport TURN_NS
from blrcs_native.http2.connection_set cimport ConnectionSet
from blrcs_native.http2.driver cimport Driver, drive
from blrcs_native.http2.peer_address cimport (
    address_of, binary_address, peer_of, sockaddr, sockaddr_storage, socklen_t,
)
from blrcs_native.http2.poller cimport EPOLLIN, Poller
from blrcs_native.http2.timer_wheel cimport timer_drop

cdef extern from "<sys/socket.h>" nogil:
    int SOCK_NONBLOCK
    int SOCK_CLOEXEC
    int accept4(int listening, sockaddr* address, socklen_t* size, int flags)

# How long it waits for descriptors or memory to come back.
cdef int64_t WAIT_NS = 50_000_000


cdef void wait_is_over(void* owner) noexcept:
    cdef Acceptor acceptor = <Acceptor>owner
    acceptor._go_on()


@cython.final
cdef class Acceptor(Pollable):
    def __cinit__(self, ConnectionSet connections not None, listening, context, exhausted, *, bint proxied=False):
        self._set = connections
        self._listening = listening
        self._context = context
        self._exhausted = exhausted
        self._proxied = proxied
        self._timer.owner = <void*>self
        self._timer.fire = wait_is_over
        self.fd = listening.fileno()
        listening.setblocking(False)
        if listening.family != socket.AF_UNIX:
            # Those that are accepted have it from here.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._go_on()

    def __dealloc__(self):
        timer_drop(&self._timer)

    def close(self):
        if self.fd < 0:
            return
        if self._waits:
            self._set.dispatcher.wheel.cancel(&self._timer)
        else:
            self._set.poller.remove(self)
        self.fd = -1
        self._listening.close()

    cdef void ready(self, uint32_t events) except *:
        cdef Poller poller = self._set.poller
        cdef int64_t end_ns = poller.now_ns + TURN_NS
        while self._accept() and poller.now_ns < end_ns:
            poller.now_ns = monotonic_ns()

    cdef void send(self) except *:
        """It never has anything."""

    cdef void broken(self) except *:
        """A connection has failed; the next may not."""

    cdef bint _accept(self) except -1:
        """Whether there may be more."""
        cdef sockaddr_storage name
        cdef socklen_t size = sizeof(name)
        cdef int descriptor
        cdef str address
        cdef Driver driver
        name.ss_family = 0
        descriptor = accept4(
            self.fd, <sockaddr*>&name, &size, SOCK_NONBLOCK | SOCK_CLOEXEC
        )
        if descriptor < 0:
            return self._failed(errno)
        if not self._serves(&name) or self._set.is_full():
            close(descriptor)
            return True
        try:
            address = address_of(&name)
            if not self._set.admits(address):
                close(descriptor)
                return True
            driver = drive(
                self._set, descriptor, peer_of(&name, address), address, self._context, self._proxied
            )
        except BaseException:
            close(descriptor)
            raise
        # Most clients have sent something by now.
        self._set.poller.tell(driver, EPOLLIN)
        return True

    cdef bint _serves(self, const sockaddr_storage* name) except -1:
        """Whether a connection from there is to be looked at; where not, it is counted."""
        cdef AddressC address = binary_address(name)
        if not self._proxied:
            return self._set.serves(&address)
        if self._set.network is not None and self._set.network.trusts(&address):
            return True
        self._set.abuse.count(PROXY_UNTRUSTED)
        return False

    cdef bint _failed(self, int error) except -1:
        """Whether to go on at once: what only ends one connection is no reason to stop."""
        if error == EAGAIN:
            return False
        if error in (EMFILE, ENFILE, ENOBUFS, ENOMEM):
            self._set.abuse.count(DESCRIPTOR_LIMIT)
        elif error not in (EBADF, EINVAL):
            return True
        self._wait(error)
        return False

    cdef void _wait(self, int error) except *:
        self._waits = True
        self._set.poller.remove(self)
        self._set.dispatcher.wheel.schedule(&self._timer, monotonic_ns() + WAIT_NS)
        self._exhausted(OSError(error, os.strerror(error)))

    cdef void _go_on(self) except *:
        self._waits = False
        self._set.poller.add(self, EPOLLIN)
