"""What answers a unary call in one step, without a coroutine and without protobuf's messages."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from blrcs_native.authorization_guard cimport AccessGuard, ObjectAuthorizationGuard
from blrcs_native.call cimport Call
from blrcs_native.guard cimport ask
from blrcs_native.rejection cimport Rejection


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

        Asked after the guards that need only metadata. With None nothing has happened: the call is
        served as if it had not been asked. ``body`` is good until this returns.
        """
        return None

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

    def answer_bytes(self, Call call not None, bytes body not None):
        return self.answer(
            call, <const unsigned char*>PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body)
        )
