"""What answers a unary call in one step, without a coroutine and without protobuf's messages."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy

from blrcs_native.access.table cimport AccessTable
from blrcs_native.access.terms cimport KeptTerms, keep_granted
from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.encoding.protobuf_wire cimport Span
from blrcs_native.guards.admissions cimport MOST_TEXT_BYTES, Admissions
from blrcs_native.guards.authorization cimport AccessGuard, ObjectAuthorizationGuard
from blrcs_native.guards.guard cimport ask


@cython.final
@cython.freelist(8)
cdef class RequestTexts:
    """What guards may read of a request: texts, by the names of their fields."""

    cdef tuple names
    cdef tuple texts

    def __getattribute__(self, name):
        cdef Py_ssize_t i
        for i in range(len(self.names)):
            if self.names[i] == name:
                return self.texts[i]
        return object.__getattribute__(self, name)


cdef class DirectHandler:
    def __init__(self, guards=(), fields=()):
        self.guards = tuple(guards)
        self.names = tuple(fields)
        self.fields = frozenset(self.names)
        if len(self.guards) == 1 and type(self.guards[0]) is ObjectAuthorizationGuard:
            self._watch(self.guards[0])

    cdef void _watch(self, ObjectAuthorizationGuard guard) except *:
        cdef Py_ssize_t i
        if guard.shadow:
            return
        self.sole = guard
        self.admissions = Admissions()
        for i in range(len(self.names)):
            if self.names[i] in guard.template.fields:
                self.asked |= 1 << i

    @property
    def fits_guards(self):
        for guard in self.guards:
            if type(guard) is not ObjectAuthorizationGuard:
                return False
            if not self.fields.issuperset((<AccessGuard>guard).template.fields):
                return False
        return True

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        """The reply's bytes, a Rejection, or None where the call is not for this road.

        One that `waits` may give a LateAnswer, which is settled with one of these in a later turn.

        Asked after the guards that need only metadata. With None nothing has happened: the call is
        served as if it had not been asked. ``body`` is good until this returns.
        """
        return None

    cdef bint leaves_nothing(self) noexcept:
        """Whether nobody can tell that guards were asked, who are asked again if it declines late."""
        return not self.guards or (self.sole is not None and self.sole.access.log is None)

    cdef Rejection admit(self, Call call, object message):
        """Asks the guards that read the request, which has the attributes ``fields``.

        What they do can be seen, so an answer follows: a handler that declines has done so before.
        """
        cdef Rejection rejection
        call.request = message
        rejection = ask(self.guards, call, 0)  # none of these guards has to wait
        call.request = None
        return rejection

    cdef Rejection admit_texts(self, Call call, tuple texts):
        """Likewise, of a request that has these texts in its ``fields``, in their order."""
        cdef RequestTexts message = RequestTexts.__new__(RequestTexts)
        message.names = self.names
        message.texts = texts
        return self.admit(call, message)

    cdef bint is_admitted(self, Call call, const Span* texts) except -1:
        """Whether the guards are known to admit the call, by the octets of ``fields`` in their order.

        If not, they are to be asked, and `note_admitted` be told where they admit it.
        """
        cdef unsigned char joined[MOST_TEXT_BYTES]
        cdef AccessTable table
        cdef KeptTerms kept
        cdef Py_ssize_t size
        if not self.guards:
            return True
        self.asked_table = 0
        if (
            self.sole is None or self.sole.access.log is not None
            or call.wants_message or call.principal is None
        ):
            return False
        table = self.sole.access.now()
        size = self._join_asked(texts, joined)
        if size < 0:
            return False
        if self.admissions.holds(table, call.principal, joined, size, &kept):
            return True
        self.asked_table = table.serial
        return False

    cdef void note_admitted(self, Call call, const Span* texts) except *:
        cdef unsigned char joined[MOST_TEXT_BYTES]
        cdef AccessTable table
        cdef KeptTerms kept
        # What ends or has a condition the guard remembers, which knows the resource.
        if self.asked_table == 0 or not self.sole.admitted_for_good:
            return
        # The guard may have found another one since.
        table = self.sole.access.current()
        if table.serial == self.asked_table:
            keep_granted(&kept)
            self.admissions.note(
                table, call.principal, joined, self._join_asked(texts, joined), &kept
            )

    cdef Py_ssize_t _join_asked(self, const Span* texts, unsigned char* joined) noexcept:
        """Writes the fields that the guard reads, each behind its size; -1 where they are too large."""
        cdef Py_ssize_t i, at = 0
        for i in range(len(self.names)):
            if not self.asked >> i & 1:
                continue
            if at + 1 + texts[i].size > MOST_TEXT_BYTES:
                return -1
            joined[at] = <unsigned char>texts[i].size
            if texts[i].size:
                memcpy(joined + at + 1, texts[i].data, texts[i].size)
            at += 1 + texts[i].size
        return at

    def answer_bytes(self, Call call not None, bytes body not None):
        return self.answer(
            call, <const unsigned char*>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body)
        )
