"""What time brings a connection: what its client is late with, and what the server has to do.

It keeps the times and says what is due; whoever drives the connection carries it out.
"""

import random

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.http2.connection cimport Connection
from blrcs_native.http2.connection_rules cimport ConnectionRules

cdef int64_t SECOND = 1_000_000_000
# The final GOAWAY waits for the client to have read the first, but not for ever.
cdef int64_t DRAIN_NOTICE_NS = SECOND
cdef int64_t DRAIN_CHECK_NS = SECOND // 20
cdef int64_t LEAST_CHECK_NS = SECOND // 100
cdef int64_t MOST_CHECK_NS = 5 * SECOND


@cython.final
cdef class ConnectionTimes:
    def __cinit__(self, ConnectionRules rules not None, int64_t now_ns):
        self._rules = rules
        self._born_ns = self.read_ns = now_ns
        self._max_age_ns = rules.max_age_ns
        if self._max_age_ns:
            self._max_age_ns += int(self._max_age_ns * random.uniform(-0.1, 0.1))

    cdef Due due(self, Connection connection, bint others_drain, int64_t now_ns) except *:
        """What comes first, to be asked again once it is done; the connection is None where the
        client has not begun it. `others_drain` says that the whole server drains."""
        cdef Due found = self._overdue(connection, now_ns)
        if found == NOTHING and connection is not None:
            found = self._keepalive(connection, now_ns)
            if found == NOTHING:
                found = self._end(connection, others_drain, now_ns)
        return found

    cdef Due _overdue(self, Connection connection, int64_t now_ns) noexcept:
        cdef ConnectionRules rules = self._rules
        if connection is None or not connection.greeted:
            if rules.handshake_timeout_ns and now_ns - self._born_ns >= rules.handshake_timeout_ns:
                return HANDSHAKE_OVERDUE
        elif (
            rules.head_timeout_ns
            and connection.head_since_ns != 0
            and now_ns - connection.head_since_ns >= rules.head_timeout_ns
        ):
            return HEAD_OVERDUE
        if (
            rules.stall_timeout_ns
            and self.blocked_ns != 0
            and now_ns - self.blocked_ns >= rules.stall_timeout_ns
        ):
            return READING_OVERDUE
        return NOTHING

    cdef Due _keepalive(self, Connection connection, int64_t now_ns) noexcept:
        cdef ConnectionRules rules = self._rules
        if rules.keepalive_interval_ns == 0:
            return NOTHING
        if self._pinged_ns != 0:
            if connection.ping_answered or self.read_ns > self._pinged_ns:
                self._pinged_ns = 0
                connection.ping_answered = False
            elif now_ns - self._pinged_ns >= rules.keepalive_timeout_ns:
                return PONG_OVERDUE
            return NOTHING
        if not rules.keepalive_without_calls and connection.streams.count == 0:
            return NOTHING
        return PING if now_ns - self.read_ns >= rules.keepalive_interval_ns else NOTHING

    cdef void pinged(self, int64_t now_ns) noexcept:
        self._pinged_ns = now_ns

    cdef Due _end(self, Connection connection, bint others_drain, int64_t now_ns) noexcept:
        cdef ConnectionRules rules = self._rules
        if self.drain_began_ns != 0:
            if not connection._drain_done and (
                connection.ping_answered or now_ns - self.drain_began_ns >= DRAIN_NOTICE_NS
            ):
                return LAST_CALL
            if (
                rules.max_age_grace_ns
                and not others_drain
                and now_ns - self.drain_began_ns >= rules.max_age_grace_ns
            ):
                return ABORT
            return NOTHING
        if self._max_age_ns and now_ns - self._born_ns >= self._max_age_ns:
            return DRAIN
        if (
            rules.max_idle_ns
            and connection.streams.count == 0
            and now_ns - connection.last_activity_ns >= rules.max_idle_ns
        ):
            return DRAIN
        return NOTHING

    cdef int64_t linger_ns(self, Connection connection) noexcept:
        """How long what has been written may take to be sent once the connection has ended."""
        if connection is None or connection.condemned:
            return SECOND
        return self._rules.stall_timeout_ns or 60 * SECOND

    cdef int64_t next_check(self, Connection connection, int64_t now_ns) except -1:
        """When to ask again at the latest."""
        cdef ConnectionRules rules = self._rules
        cdef int64_t due = now_ns + MOST_CHECK_NS
        cdef int64_t other
        if self.drain_began_ns != 0 and not connection._drain_done:
            return now_ns + DRAIN_CHECK_NS
        if self.drain_began_ns != 0 and rules.max_age_grace_ns:
            due = min(due, max(
                self.drain_began_ns + rules.max_age_grace_ns, now_ns + LEAST_CHECK_NS
            ))
        if connection is None or not connection.greeted:
            if rules.handshake_timeout_ns:
                due = min(due, self._born_ns + rules.handshake_timeout_ns)
        elif rules.head_timeout_ns and connection.head_since_ns:
            due = min(due, connection.head_since_ns + rules.head_timeout_ns)
        if rules.head_timeout_ns:
            due = min(due, now_ns + rules.head_timeout_ns)
        if rules.stall_timeout_ns:
            due = min(due, now_ns + rules.stall_timeout_ns)
        if rules.body_timeout_ns:
            due = min(due, now_ns + rules.body_timeout_ns)
        if rules.keepalive_interval_ns:
            other = self.read_ns + rules.keepalive_interval_ns
            if self._pinged_ns:
                other = min(
                    self._pinged_ns + rules.keepalive_timeout_ns,
                    now_ns + rules.keepalive_interval_ns,
                )
            due = min(due, max(other, now_ns + LEAST_CHECK_NS))
        if self._max_age_ns and self.drain_began_ns == 0:
            due = min(due, self._born_ns + self._max_age_ns)
        if rules.max_idle_ns and self.drain_began_ns == 0:
            if connection is None or connection.streams.count > 0:
                # Its idle time has yet to begin.
                other = now_ns + rules.max_idle_ns // 8
            else:
                other = connection.last_activity_ns + rules.max_idle_ns
            due = min(due, max(other, now_ns + LEAST_CHECK_NS))
        return due
