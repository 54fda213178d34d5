"""Drives connections from asyncio's transports: bytes from the socket in, one write out."""

import asyncio
import random
import ssl

cimport cython
from libc.stdint cimport int64_t
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from blrcs_native.clock cimport monotonic_ns
from blrcs_native.http2.abuse cimport (
    ADDRESS_LIMIT, CONNECTION_LIMIT, SLOW_HANDSHAKE, SLOW_HEADERS, STALLED_REPLY, Abuse,
    AbuseCounters,
)
from blrcs_native.http2.connection cimport TURN_NS, Connection
from blrcs_native.http2.connection_rules cimport ConnectionRules
from blrcs_native.http2.dispatcher cimport Dispatcher
from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.octets cimport octets_free, octets_size
from blrcs_native.http2.outbox cimport outbox_size
from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.timer_wheel cimport Timer, timer_drop
from blrcs_native.http2.tls_session cimport TlsSession

from blrcs_native.http2.peer import NOBODY, peer_identity, peer_name, socket_of

cdef extern from "sys/socket.h":
    int MSG_NOSIGNAL
    int MSG_DONTWAIT
    ssize_t send(int descriptor, const void* data, size_t size, int flags)

cdef int64_t SECOND = 1_000_000_000
# The final GOAWAY waits for the client to have read the first, but not for ever.
cdef int64_t DRAIN_NOTICE_NS = SECOND
cdef int64_t STALL_CHECK_NS = 5 * SECOND
cdef enum:
    WRITE_HIGH_BYTES = 262144
    HTTP2_CANCEL = 8


cdef void check_times(void* owner) noexcept:
    cdef Driver driver = <Driver>owner
    driver._check_times()


@cython.final
cdef class ConnectionSet:
    def __cinit__(
        self,
        Dispatcher dispatcher not None,
        Limits limits not None,
        ConnectionRules rules not None,
        AbuseCounters abuse not None,
        *,
        Py_ssize_t max_connections,
        Py_ssize_t max_connections_per_address,
    ):
        self.dispatcher = dispatcher
        self.limits = limits
        self.rules = rules
        self.abuse = abuse
        self.fields = FieldCache()
        self.closed = asyncio.Event()
        self._drivers = set()
        self._by_address = {}
        self._max_connections = max_connections
        self._max_per_address = max_connections_per_address
        self.cipher_room = bytearray(READ_BYTES)
        self.plain_room = bytearray(READ_BYTES)
        view = memoryview(self.cipher_room)
        self.read_views = [
            view[: LEAST_READ_BYTES << doublings] for doublings in range(MAX_READ_DOUBLINGS + 1)
        ]
        self.plain_view = memoryview(self.plain_room)

    def __dealloc__(self):
        octets_free(&self.out)

    def __len__(self):
        return len(self._drivers)

    def protocol(self, context):
        return Http2Protocol(self, context)

    cdef bint admits(self, str address) except -1:
        if len(self._drivers) >= self._max_connections:
            self.abuse.count(CONNECTION_LIMIT)
            return False
        if self._by_address.get(address, 0) >= self._max_per_address:
            self.abuse.count(ADDRESS_LIMIT)
            return False
        return True

    cdef void joined(self, Driver driver) except *:
        self._drivers.add(driver)
        self._by_address[driver._address] = self._by_address.get(driver._address, 0) + 1

    cdef void left(self, Driver driver) except *:
        self._drivers.discard(driver)
        count = self._by_address[driver._address] - 1
        if count:
            self._by_address[driver._address] = count
        else:
            del self._by_address[driver._address]
        if self.draining and not self._drivers:
            self.closed.set()

    def drain(self):
        cdef Driver driver
        self.draining = True
        for driver in tuple(self._drivers):
            driver._drain()
        if not self._drivers:
            self.closed.set()

    def abort(self):
        cdef Driver driver
        for driver in tuple(self._drivers):
            driver._abort()


cdef class Driver:
    def __cinit__(self, ConnectionSet connections not None, context):
        self._set = connections
        self._context = context
        self._loop = connections.dispatcher.loop
        self._timer.owner = <void*>self
        self._timer.fire = check_times
        self._flush_callback = self._flush_now

    def __dealloc__(self):
        timer_drop(&self._timer)

    # What asyncio's transport tells ---------------------------------------------------------------

    def connection_made(self, transport):
        self._transport = transport
        self._socket = socket_of(transport)
        self._born_ns = self._read_ns = monotonic_ns()
        self._peer, self._address = peer_name(transport)
        if self._set.draining or not self._set.admits(self._address):
            transport.abort()
            return
        transport.set_write_buffer_limits(WRITE_HIGH_BYTES)
        self._counted = True
        self._set.joined(self)
        self._max_age_ns = self._set.rules.max_age_ns
        if self._max_age_ns:
            self._max_age_ns += int(self._max_age_ns * random.uniform(-0.1, 0.1))
        if self._context is None:
            self._open(NOBODY)
            self._flush()
        else:
            self._tls = TlsSession(self._context())
        self._set.dispatcher.wheel.schedule(&self._timer, self._next_check(self._born_ns))

    def connection_lost(self, error):
        self._ending = True
        self._set.dispatcher.wheel.cancel(&self._timer)
        if self._connection is not None:
            self._connection.lose()
        if self._counted:
            self._counted = False
            self._set.left(self)
        self._transport = None
        self._socket = -1
        self._flush_callback = self._go_on_callback = None

    def get_buffer(self, hint):
        return self._set.read_views[self._read_doublings]

    def buffer_updated(self, Py_ssize_t size):
        if self._ending:
            return
        self._read_ns = monotonic_ns()
        try:
            if self._tls is None:
                self._receive(<const unsigned char*>self._set.cipher_room, size)
            elif not self._receive_tls(size):
                return
            self._flush()
            self._take_turns(size)
        except ssl.SSLError:
            # A reason is in what OpenSSL has written for the client.
            self._send_tls()
            self._end()

    def eof_received(self):
        return False

    def pause_writing(self):
        self._paused = True

    def resume_writing(self):
        self._paused = False
        self._flush()

    # Bytes ----------------------------------------------------------------------------------------

    cdef void _open(self, object identity) except *:
        self._connection = Connection(
            self._set.dispatcher,
            self._set.limits,
            self._set.abuse,
            peer=self._peer,
            peer_address=self._address,
            identity=identity,
            fields=self._set.fields,
            flush=self._flush_soon,
        )
        self._flush_pending = True

    cdef void _receive(self, const unsigned char* data, Py_ssize_t size) except *:
        # What is answered meanwhile leaves in one write afterwards.
        self._flush_pending = True
        if not self._connection.receive_octets(data, size):
            self._flush()
            self._end()

    cdef bint _receive_tls(self, Py_ssize_t size) except -1:
        """Whether there is anything to flush."""
        cdef Py_ssize_t plain
        self._tls.feed(self._set.read_views[self._read_doublings][:size])
        if not self._tls.ready:
            if not self._tls.shake_hands():
                self._send_tls()
                return False
            if self._tls.tls.selected_alpn_protocol() != "h2":
                self._send_tls()
                self._end()
                return False
            self._open(peer_identity(self._tls.tls))
        while not self._ending:
            plain = self._tls.read_into(self._set.plain_view)
            if plain == 0:
                break
            self._receive(<const unsigned char*>self._set.plain_room, plain)
        return True

    def _flush_soon(self):
        if not self._flush_pending:
            self._flush_pending = True
            self._loop.call_soon(self._flush_callback)

    def _flush_now(self):
        if self._connection.turn_over and not self._resting:
            self._flush_pending = True
            self._connection.process()
        self._flush()

    cdef void _flush(self) except *:
        """Writes what is ready, as long as the client takes it."""
        cdef bint more = True
        cdef bytes data
        self._flush_pending = False
        if self._connection is None or self._transport is None:
            return
        while more and not self._paused:
            more = self._connection.pull(&self._set.out, WRITE_BYTES)
            if octets_size(&self._set.out) == 0:
                break
            if self._tls is None:
                self._write(self._set.out.data + self._set.out.start, octets_size(&self._set.out))
            else:
                self._tls.write(PyBytes_FromStringAndSize(
                    <char*>self._set.out.data + self._set.out.start, octets_size(&self._set.out)
                ))
                self._send_tls()
            self._set.out.start = self._set.out.end = 0
            if (
                (self._connection._ready or self._connection._gathering.is_waited_for())
                and not self._connection.turn_over
                and not self._connection._is_full()
            ):
                self._flush_pending = True
                self._connection.process()
                self._flush_pending = False
                more = True
        if self._connection.finished():
            self._end()
        elif self._connection.turn_over:
            self._rest()

    # Turns ----------------------------------------------------------------------------------------

    cdef void _take_turns(self, Py_ssize_t size) except *:
        """Reads as much at a time as is worked through in about a turn, and then lets others read.

        An event loop may read from one connection as long as there is more to read.
        """
        cdef int64_t used_ns = monotonic_ns() - self._read_ns
        cdef bint filled = size == LEAST_READ_BYTES << self._read_doublings
        if used_ns > TURN_NS:
            if self._read_doublings > 0:
                self._read_doublings -= 1
        elif filled and used_ns < TURN_NS >> 2 and self._read_doublings < MAX_READ_DOUBLINGS:
            self._read_doublings += 1
        self._turn_ns = self._turn_ns + used_ns if filled else 0
        if self._turn_ns > TURN_NS:
            self._rest()

    cdef void _rest(self) except *:
        """Goes on, and reads on, after the others."""
        self._turn_ns = 0
        if self._resting or self._ending or self._transport is None:
            return
        self._resting = True
        self._transport.pause_reading()
        if self._go_on_callback is None:
            self._go_on_callback = self._go_on
        self._loop.call_soon(self._go_on_callback)

    def _go_on(self):
        if self._ending or self._transport is None:
            return
        if self._connection.turn_over:
            self._flush_pending = True
            self._connection.process()
            self._flush()
        if self._ending or self._transport is None:
            return
        if self._connection.turn_over:
            self._loop.call_soon(self._go_on_callback)
            return
        self._resting = False
        self._transport.resume_reading()

    cdef void _write(self, const unsigned char* data, Py_ssize_t size) except *:
        """Hands the bytes to the socket; what it does not take at once, the transport keeps."""
        cdef ssize_t sent = 0
        if self._queued and self._transport.get_write_buffer_size() == 0:
            self._queued = False
        if not self._queued and self._socket >= 0:
            sent = send(self._socket, data, size, MSG_NOSIGNAL | MSG_DONTWAIT)
            if sent == size:
                return
            # An error, too, is the transport's to find, and to tell.
            if sent < 0:
                sent = 0
        self._queued = True
        self._transport.write(PyBytes_FromStringAndSize(<char*>data + sent, size - sent))

    cdef void _send_tls(self) except *:
        cdef bytes data = self._tls.outgoing()
        if data and self._transport is not None:
            self._write(<const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef void _end(self) except *:
        """Closes, once what has been written is sent."""
        if self._ending:
            return
        self._ending = True
        if self._transport is None:
            return
        self._transport.close()
        self._set.dispatcher.wheel.schedule(&self._timer, monotonic_ns() + self._linger_ns())

    cdef int64_t _linger_ns(self) noexcept:
        """How long what has been written may take to be sent once the connection has ended."""
        if self._connection is None or self._connection.condemned:
            return SECOND
        return self._set.rules.stall_timeout_ns or 60 * SECOND

    cdef void _drain(self) except *:
        if self._connection is None or self._ending:
            self._end()
            return
        if self._drain_began_ns == 0:
            self._drain_began_ns = monotonic_ns()
            self._connection.drain()
            # Not at once: who drains may be a task, and within it no other can begin.
            self._flush_soon()
            self._set.dispatcher.wheel.schedule(&self._timer, self._drain_began_ns + SECOND // 20)

    cdef void _abort(self) except *:
        """Cancels what runs; the client is told, as far as it listens."""
        cdef Stream stream
        if self._connection is not None and self._transport is not None:
            for stream in tuple(self._connection.streams.values()):
                if stream.alive:
                    self._connection.reset(stream, HTTP2_CANCEL)
            self._connection.drain()
            self._connection.finish_drain()
            self._flush()
            self._connection.lose()
        self._end()

    # Times ----------------------------------------------------------------------------------------

    cdef void _give_up(self, Abuse kind) except *:
        self._set.abuse.count(kind)
        if self._transport is not None:
            self._transport.abort()

    cdef void _check_times(self) except *:
        cdef int64_t now_ns = monotonic_ns()
        cdef ConnectionRules rules = self._set.rules
        if self._ending or self._transport is None:
            # Who does not take what was written before the close does not hold the connection.
            if self._transport is not None:
                self._transport.abort()
            return
        if self._connection is None or not self._connection.greeted:
            if rules.handshake_timeout_ns and now_ns - self._born_ns >= rules.handshake_timeout_ns:
                self._give_up(SLOW_HANDSHAKE)
                return
        elif (
            rules.head_timeout_ns
            and self._connection.head_since_ns != 0
            and now_ns - self._connection.head_since_ns >= rules.head_timeout_ns
        ):
            self._give_up(SLOW_HEADERS)
            return
        if self._connection is not None:
            self._check_stalls(now_ns)
            self._check_keepalive(now_ns)
            self._check_end(now_ns)
        if self._transport is not None and not self._ending:
            self._set.dispatcher.wheel.schedule(&self._timer, self._next_check(now_ns))

    def _check_stalls(self, int64_t now_ns):
        """Replies that the client does not take hold memory, and places of calls."""
        cdef Stream stream
        cdef int64_t timeout_ns = self._set.rules.stall_timeout_ns
        if timeout_ns == 0 or self._connection.unsent == 0:
            return
        for stream in tuple(self._connection.streams.values()):
            if (
                stream.stalled_since_ns != 0
                and outbox_size(&stream.output) > 0
                and now_ns - stream.stalled_since_ns >= timeout_ns
            ):
                self._set.abuse.count(STALLED_REPLY)
                self._connection.reset(stream, HTTP2_CANCEL)
        if self._paused and now_ns - self._read_ns >= timeout_ns:
            self._give_up(STALLED_REPLY)

    def _check_keepalive(self, int64_t now_ns):
        cdef ConnectionRules rules = self._set.rules
        if rules.keepalive_interval_ns == 0:
            return
        if self._pinged_ns != 0:
            if self._connection.ping_answered or self._read_ns > self._pinged_ns:
                self._pinged_ns = 0
                self._connection.ping_answered = False
            elif now_ns - self._pinged_ns >= rules.keepalive_timeout_ns:
                if self._transport is not None:
                    self._transport.abort()
            return
        if not rules.keepalive_without_calls and not self._connection.streams:
            return
        if now_ns - self._read_ns >= rules.keepalive_interval_ns:
            self._pinged_ns = now_ns
            self._connection.ping_answered = False
            self._connection.ping()
            self._flush()

    def _check_end(self, int64_t now_ns):
        cdef ConnectionRules rules = self._set.rules
        if self._drain_began_ns != 0:
            if (
                self._connection.ping_answered
                or now_ns - self._drain_began_ns >= DRAIN_NOTICE_NS
            ):
                self._connection.finish_drain()
                self._flush()
            if (
                rules.max_age_grace_ns
                and not self._set.draining
                and now_ns - self._drain_began_ns >= rules.max_age_grace_ns
            ):
                self._abort()
            return
        if self._max_age_ns and now_ns - self._born_ns >= self._max_age_ns:
            self._drain()
        elif (
            rules.max_idle_ns
            and not self._connection.streams
            and now_ns - self._connection.last_activity_ns >= rules.max_idle_ns
        ):
            self._drain()

    cdef int64_t _next_check(self, int64_t now_ns) except -1:
        cdef ConnectionRules rules = self._set.rules
        cdef int64_t due = now_ns + STALL_CHECK_NS
        cdef int64_t other
        if self._drain_began_ns != 0 and not self._connection._drain_done:
            return now_ns + SECOND // 20
        if self._drain_began_ns != 0 and rules.max_age_grace_ns:
            due = min(due, max(
                self._drain_began_ns + rules.max_age_grace_ns, now_ns + SECOND // 100
            ))
        if self._connection is None or not self._connection.greeted:
            if rules.handshake_timeout_ns:
                due = min(due, self._born_ns + rules.handshake_timeout_ns)
        elif rules.head_timeout_ns and self._connection.head_since_ns:
            due = min(due, self._connection.head_since_ns + rules.head_timeout_ns)
        if rules.head_timeout_ns:
            due = min(due, now_ns + rules.head_timeout_ns)
        if rules.stall_timeout_ns:
            due = min(due, now_ns + rules.stall_timeout_ns)
        if rules.keepalive_interval_ns:
            other = self._read_ns + rules.keepalive_interval_ns
            if self._pinged_ns:
                other = min(
                    self._pinged_ns + rules.keepalive_timeout_ns,
                    now_ns + rules.keepalive_interval_ns,
                )
            due = min(due, max(other, now_ns + SECOND // 100))
        if self._max_age_ns and self._drain_began_ns == 0:
            due = min(due, self._born_ns + self._max_age_ns)
        if rules.max_idle_ns and self._connection is not None and self._drain_began_ns == 0:
            due = min(due, max(
                self._connection.last_activity_ns + rules.max_idle_ns, now_ns + SECOND // 100
            ))
        return due


class Http2Protocol(Driver, asyncio.BufferedProtocol):
    """A Driver that asyncio's own event loops know as a protocol too."""

    __slots__ = ()
