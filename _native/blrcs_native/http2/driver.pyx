"""Drives a connection from the socket that has been accepted to its close.

Bytes that the socket has go into the `Connection`, and what comes of them leaves in one write. A
connection has turns (`TURN_NS`): it reads about as much as it can work through in one, and what is
left then goes on behind the others.
"""

import ssl

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint32_t
from posix.ioctl cimport ioctl
from posix.unistd cimport close

from blrcs_native.clock cimport monotonic_ns
from blrcs_native.http2.aborted_calls cimport abort_calls
from blrcs_native.http2.abuse cimport (
    PROXY_MALFORMED, SLOW_HANDSHAKE, SLOW_HEADERS, STALLED_REPLY, Abuse,
)
from blrcs_native.http2.connection cimport TURN_NS, Connection
from blrcs_native.http2.connection_set cimport (
    LEAST_READ_BYTES, MAX_READ_DOUBLINGS, ConnectionSet, Member,
)
from blrcs_native.http2.connection_times cimport (
    ABORT, DRAIN, HANDSHAKE_OVERDUE, HEAD_OVERDUE, LAST_CALL, NOTHING, PING, PONG_OVERDUE,
    READING_OVERDUE, ConnectionTimes, Due,
)
from blrcs_native.http2.octets cimport octets_append, octets_free, octets_size, octets_take
from blrcs_native.http2.poller cimport EPOLLIN, EPOLLOUT
from blrcs_native.http2.proxy_header cimport PROXY_BROKEN, PROXY_COMPLETE, ProxyHeader
from blrcs_native.http2.slow_streams cimport end_slow_streams
from blrcs_native.http2.timer_wheel cimport timer_drop
from blrcs_native.http2.tls_session cimport TlsSession

from blrcs_native.http2.peer import NOBODY, peer_identity

cdef extern from "<sys/socket.h>" nogil:
    int MSG_NOSIGNAL
    ssize_t send(int descriptor, const void* data, size_t size, int flags)
    ssize_t recv(int descriptor, void* room, size_t size, int flags)
    int SHUT_WR
    int shutdown(int descriptor, int how)

cdef extern from "<linux/sockios.h>" nogil:
    int SIOCOUTQ

cdef enum:
    WRITE_BYTES = 262144
    PARTING_CHECK_NS = 1_000_000_000
    # While the server stops and waits for no client.
    HURRIED_CHECK_NS = 20_000_000

cdef Driver drive(
    ConnectionSet connections, int descriptor, str peer, str address, object context, bint proxied
):
    """Takes over an accepted socket, which does not block; `context` gives what TLS is made with,
    None for plain text. One that is `proxied` first says for whom it is."""
    cdef Driver driver = Driver.__new__(Driver)
    driver._set = connections
    driver.fd = descriptor
    driver._peer = peer
    driver.address = address
    driver._times = ConnectionTimes(connections.rules, monotonic_ns())
    driver._timer.owner = <void*>driver
    driver._timer.fire = check_times
    driver._flush_callback = driver._flush_now
    if proxied:
        driver._proxy = ProxyHeader()
    if context is not None:
        driver._tls = TlsSession(context())
    connections.poller.add(driver, EPOLLIN)
    connections.joined(driver)
    connections.dispatcher.wheel.schedule(
        &driver._timer, driver._times.next_check(None, driver._times.read_ns)
    )
    return driver


cdef void check_times(void* owner) noexcept:
    cdef Driver driver = <Driver>owner
    driver._check_times()


@cython.final
cdef class Driver(Member):
    def __cinit__(self):
        self.fd = -1

    def __dealloc__(self):
        timer_drop(&self._timer)
        octets_free(&self._unsent)

    # The socket -----------------------------------------------------------------------------------

    cdef void ready(self, uint32_t events) except *:
        if self._parting_until_ns != 0:
            self._drop_input()
            return
        if events & ~EPOLLIN and octets_size(&self._unsent) > 0:
            self._write_on()
        # One that rests goes on by itself.
        if events & ~EPOLLOUT and not self._resting and not self._ending:
            self._read()

    cdef void broken(self) except *:
        self.close()

    cdef void _read(self) except *:
        cdef Py_ssize_t room = LEAST_READ_BYTES << self._read_doublings
        cdef ssize_t size = recv(self.fd, <char*>self._set.cipher_room, room, 0)
        cdef Py_ssize_t start = 0
        cdef int64_t began_ns = self._set.poller.now_ns
        cdef int64_t used_ns
        if size <= 0:
            if size == 0 and octets_size(&self._unsent) == 0:
                self.close()
            elif size == 0:
                self._end()
            elif errno != EAGAIN and errno != EINTR:
                self.close()
            return
        self._times.read_ns = began_ns
        if self._proxy is not None:
            start = self._take_proxy_header(size)
            if start == size or self._ending:
                return
        if self._tls is None:
            self._receive(
                <const unsigned char*><char*>self._set.cipher_room + start, size - start
            )
            self._set.poller.send_later(self)
        else:
            try:
                if self._receive_tls(start, size):
                    self._set.poller.send_later(self)
            except ssl.SSLError:
                self._refuse_tls()
        self._set.poller.now_ns = monotonic_ns()
        used_ns = self._set.poller.now_ns - began_ns
        self._worked(used_ns)
        self._fit_reads(size, used_ns)

    cdef void send(self) except *:
        cdef int64_t began_ns = self._set.poller.now_ns
        try:
            self._flush()
        except ssl.SSLError:
            self._refuse_tls()
        self._set.poller.now_ns = monotonic_ns()
        self._worked(self._set.poller.now_ns - began_ns)

    cdef void _refuse_tls(self) except *:
        """A reason is in what OpenSSL has written for the client."""
        self._send_tls()
        self._end()

    cdef void _worked(self, int64_t used_ns) noexcept:
        """Who keeps overload off wants to know how long the loop is at work."""
        if self._set.dispatcher.overload is not None:
            self._set.dispatcher.overload.busy_ns += used_ns

    cdef void _fit_reads(self, Py_ssize_t size, int64_t used_ns) noexcept:
        """Reads as much at a time as is worked through in about a turn."""
        if used_ns > TURN_NS:
            if self._read_doublings > 0:
                self._read_doublings -= 1
        elif (
            size == LEAST_READ_BYTES << self._read_doublings
            and used_ns < TURN_NS >> 1
            and self._read_doublings < MAX_READ_DOUBLINGS
        ):
            self._read_doublings += 1

    cdef void _write(self, const unsigned char* data, Py_ssize_t size) except *:
        """Hands the bytes to the socket, and keeps what it does not take."""
        cdef ssize_t sent = 0
        if octets_size(&self._unsent) == 0 and self.fd >= 0:
            sent = send(self.fd, data, size, MSG_NOSIGNAL)
            if sent == size:
                return
            if sent < 0:
                if errno != EAGAIN and errno != EINTR:
                    self.close()
                    return
                sent = 0
            self._times.blocked_ns = monotonic_ns()
            self._set.poller.change(self, EPOLLIN | EPOLLOUT)
        if self.fd >= 0 and octets_append(&self._unsent, data + sent, size - sent) < 0:
            raise MemoryError

    cdef void _write_on(self) except *:
        """The socket takes more again."""
        cdef ssize_t sent = send(
            self.fd, self._unsent.data + self._unsent.start, octets_size(&self._unsent),
            MSG_NOSIGNAL,
        )
        if sent < 0:
            if errno != EAGAIN and errno != EINTR:
                self.close()
            return
        octets_take(&self._unsent, sent)
        if octets_size(&self._unsent) > 0:
            self._times.blocked_ns = monotonic_ns()
            return
        self._times.blocked_ns = 0
        if self._ending:
            self._part()
            return
        self._set.poller.change(self, EPOLLIN)
        self._flush()

    # Bytes ----------------------------------------------------------------------------------------

    cdef void _open(self, object identity) except *:
        self._connection = Connection(
            self._set.dispatcher,
            self._set.limits,
            self._set.abuse,
            peer=self._peer,
            peer_address=self.address,
            identity=identity,
            fields=self._set.fields,
            flush=self._flush_soon,
        )

    cdef void _receive(self, const unsigned char* data, Py_ssize_t size) except *:
        if self._connection is None:
            self._open(NOBODY)
        # What is answered meanwhile leaves in one write afterwards.
        self._flush_pending = True
        self._connection.now_ns = self._times.read_ns
        if not self._connection.receive_octets(data, size):
            self._flush()
            self._end()

    cdef Py_ssize_t _take_proxy_header(self, Py_ssize_t size) except -1:
        """Where the client's own bytes begin; the connection ends if it may not have come."""
        cdef ProxyHeader header = self._proxy
        cdef Py_ssize_t used = header.feed_octets(
            <const unsigned char*><char*>self._set.cipher_room, size
        )
        if header.state == PROXY_BROKEN:
            self._give_up(PROXY_MALFORMED)
        elif header.state == PROXY_COMPLETE:
            self._proxy = None
            if not self._set.moved(self, header.address if header.has_client else self.address):
                self.close()
        return used

    cdef bint _receive_tls(self, Py_ssize_t start, Py_ssize_t end) except -1:
        """Whether there may be anything to send."""
        cdef Py_ssize_t plain
        cdef bint more = True
        if end <= LEAST_READ_BYTES:
            # A copy of little costs less than a view of it.
            self._tls.feed(PyBytes_FromStringAndSize(
                <char*>self._set.cipher_room + start, end - start
            ))
        else:
            self._tls.feed(self._set.cipher_view[start:end])
        if not self._tls.ready:
            if not self._tls.shake_hands():
                self._send_tls()
                return False
            if self._tls.tls.selected_alpn_protocol() != "h2":
                self._send_tls()
                self._end()
                return False
            self._open(peer_identity(self._tls.tls))
            more = self._tls.has_more()
        while more and not self._ending:
            plain = self._tls.read_into(self._set.plain_arguments)
            if plain == 0:
                break
            self._receive(<const unsigned char*><char*>self._set.plain_room, plain)
            more = self._tls.has_more()
        return True

    def _flush_soon(self):
        if not self._flush_pending:
            self._flush_pending = True
            self._set.dispatcher.loop.call_soon(self._flush_callback)

    def _flush_now(self):
        if self._connection.turn_over and not self._resting:
            self._flush_pending = True
            self._connection.process()
        self._flush()

    cdef void _flush(self) except *:
        """Writes what is ready, as long as the client takes it."""
        cdef bint more = True
        cdef Octets* out = &self._set.out
        self._flush_pending = False
        if self._connection is None or self._ending:
            return
        while more and octets_size(&self._unsent) == 0 and self.fd >= 0:
            more = self._connection.pull(out, WRITE_BYTES)
            if octets_size(out) == 0:
                break
            if self._tls is None:
                self._write(out.data + out.start, octets_size(out))
            else:
                self._tls.write(PyBytes_FromStringAndSize(
                    <char*>out.data + out.start, octets_size(out)
                ))
                self._send_tls()
            out.start = out.end = 0
            if self._may_go_on():
                self._flush_pending = True
                self._connection.process()
                self._flush_pending = False
                more = True
        if self._connection.finished():
            self._end()
        elif self._connection.turn_over:
            self._rest()

    cdef bint _may_go_on(self) noexcept:
        """Whether calls wait for nothing but the room that has just been made."""
        return (
            (self._connection._ready or self._connection._gathering.is_waited_for())
            and not self._connection.turn_over
            and not self._connection._is_full()
        )

    cdef void _send_tls(self) except *:
        cdef bytes data = self._tls.outgoing()
        if data:
            self._write(<const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    # Turns ----------------------------------------------------------------------------------------

    cdef void _rest(self) except *:
        """Goes on, and reads on, after the others."""
        if not self._resting:
            self._resting = True
            self._set.dispatcher.loop.call_soon(self._go_on)

    def _go_on(self):
        cdef int64_t began_ns = monotonic_ns()
        self._resting = False
        self._flush_pending = True
        self._connection.process()
        if self._ending:
            self._leave()
        else:
            self._flush()
        self._worked(monotonic_ns() - began_ns)

    # The end --------------------------------------------------------------------------------------

    cdef void _end(self) except *:
        """Closes, once what has been written is sent."""
        if self._ending:
            return
        if self._tls is not None:
            self._tls.say_end()
            self._send_tls()
            if self.fd < 0:
                return
        if octets_size(&self._unsent) == 0:
            self._part()
            return
        self._ending = True
        self._set.poller.change(self, EPOLLOUT)
        self._set.dispatcher.wheel.schedule(
            &self._timer, monotonic_ns() + self._times.linger_ns(self._connection)
        )
        self._lose_calls()

    cdef void _part(self) except *:
        """Says that nothing more comes, and closes once the client has.

        A socket that is closed answers what comes by a reset: what is yet to be taken is lost, and
        a client that is refused what it writes may not read on.
        """
        cdef int64_t now_ns
        if (
            self._connection is None or self._connection.condemned
            or shutdown(self.fd, SHUT_WR) < 0
        ):
            self.close()
            return
        now_ns = monotonic_ns()
        self._ending = True
        self._parting_until_ns = now_ns + self._times.linger_ns(self._connection)
        self._set.poller.change(self, EPOLLIN)
        self._look_later(now_ns)
        self._lose_calls()

    cdef void _look_later(self, int64_t now_ns) except *:
        """Whether the client's system has taken all."""
        self._set.dispatcher.wheel.schedule(
            &self._timer,
            now_ns + (HURRIED_CHECK_NS if self._set.aborting else PARTING_CHECK_NS),
        )

    cdef bint _has_taken_all(self) noexcept:
        """Whether the client's system has, but for the end itself, which counts as an octet."""
        cdef int untaken = 0
        return ioctl(self.fd, SIOCOUTQ, &untaken) < 0 or untaken <= 1

    cdef void _drop_input(self) except *:
        cdef ssize_t size = recv(self.fd, <char*>self._set.cipher_room, LEAST_READ_BYTES, 0)
        if size == 0 or (size < 0 and errno != EAGAIN and errno != EINTR):
            self.close()

    cdef void close(self) except *:
        cdef int descriptor = self.fd
        if descriptor < 0:
            return
        self._ending = True
        self._set.dispatcher.wheel.cancel(&self._timer)
        self._set.poller.remove(self)
        self.fd = -1
        close(descriptor)
        octets_free(&self._unsent)
        self._lose_calls()

    cdef void _lose_calls(self) except *:
        """Tells those that run, in turns."""
        if self._connection is not None:
            self._connection.lose()
        self._leave()

    cdef void _leave(self) except *:
        """The set is told when the last call has been."""
        if self._connection is not None and self._connection.turn_over:
            self._rest()
        elif self.fd < 0 and self._flush_callback is not None:
            self._flush_callback = None
            self._set.left(self)

    cdef void drain(self) except *:
        if self._ending or self._times.drain_began_ns != 0:
            return
        if self._connection is None:
            if self._tls is not None or self._proxy is not None:
                self._end()
                return
            self._open(NOBODY)
        self._times.drain_began_ns = monotonic_ns()
        self._connection.drain()
        # Not at once: who drains may be a task, and within it no other can begin.
        self._flush_soon()
        self._set.dispatcher.wheel.schedule(
            &self._timer, self._times.next_check(self._connection, self._times.drain_began_ns)
        )

    cdef void abort(self) except *:
        """The client is told, as far as it listens, that its calls may be tried elsewhere."""
        if self._parting_until_ns != 0:
            self._check_times()
            return
        if self._connection is not None and not self._ending:
            abort_calls(self._connection, self._set.dispatcher)
            self._flush()
        self._end()

    # Times ----------------------------------------------------------------------------------------

    cdef void _give_up(self, Abuse kind) except *:
        self._set.abuse.count(kind)
        self.close()

    cdef void _check_times(self) except *:
        cdef int64_t now_ns = monotonic_ns()
        cdef Due due
        if self._ending:
            if now_ns < self._parting_until_ns and not self._has_taken_all():
                self._look_later(now_ns)
                return
            # Who does not take what was written before the close does not hold the connection.
            self.close()
            return
        if self._connection is not None:
            end_slow_streams(self._connection, self._set.rules, now_ns)
        while not self._ending:
            due = self._times.due(self._connection, self._set.draining, now_ns)
            if due == NOTHING:
                self._set.dispatcher.wheel.schedule(
                    &self._timer, self._times.next_check(self._connection, now_ns)
                )
                return
            self._carry_out(due, now_ns)

    cdef void _carry_out(self, Due due, int64_t now_ns) except *:
        if due == HANDSHAKE_OVERDUE:
            self._give_up(SLOW_HANDSHAKE)
        elif due == HEAD_OVERDUE:
            self._give_up(SLOW_HEADERS)
        elif due == READING_OVERDUE:
            self._give_up(STALLED_REPLY)
        elif due == PONG_OVERDUE:
            self.close()
        elif due == PING:
            self._times.pinged(now_ns)
            self._connection.ping_answered = False
            self._connection.ping()
            self._flush()
        elif due == DRAIN:
            self.drain()
        elif due == LAST_CALL:
            self._connection.finish_drain()
            self._flush()
        elif due == ABORT:
            self.abort()
