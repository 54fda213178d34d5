"""The guard that finds out who calls by a client's certificate, where there is no token."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uintptr_t

from blrcs_native.calls.call cimport Call, Principal
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.guards.guard cimport Guard
from blrcs_native.http2.stream cimport Stream

from blrcs_native.calls.call import Principal as new_principal

cdef enum:
    MAX_KNOWN = 4096
    KNOWN_IDENTITIES = 256

cdef str AUTHORIZATION = "authorization"
CERTIFICATE = "x509_pem_cert"


cdef bint has_token(Call call) except -1:
    for field in call.metadata:
        name = field[0]
        if name is AUTHORIZATION or name == AUTHORIZATION:
            return True
    return False


@cython.final
cdef class CertificatePrincipals:
    cdef object read
    cdef object clock
    cdef dict known
    # What was found for a connection's identity; all its calls have the same object.
    cdef list identities
    cdef list found

    def __init__(self, read not None, clock not None):
        self.read = read
        self.clock = clock
        self.known = {}
        self.identities = [None] * KNOWN_IDENTITIES
        self.found = [None] * KNOWN_IDENTITIES

    def principal(self, Call call not None):
        return self.of(call)

    cdef Principal of(self, Call call):
        cdef tuple found
        if type(call.stream) is Stream and (<Stream>call.stream).link.identity is not None:
            found = self._of_connection(call, (<Stream>call.stream).link.identity)
        else:
            found = self._look(call)
        # A connection may outlast the certificate that it was made with.
        return None if found is None or found[1] <= self.clock() else <Principal>found[0]

    cdef tuple _of_connection(self, Call call, object identity):
        cdef Py_ssize_t slot = (<uintptr_t><PyObject*>identity >> 4) % KNOWN_IDENTITIES
        if self.identities[slot] is not identity:
            self.found[slot] = self._look(call)
            self.identities[slot] = identity
        return <tuple>self.found[slot]

    cdef tuple _look(self, Call call):
        cdef tuple found
        certificates = call.stream.auth_context().get(CERTIFICATE)
        if not certificates or len(certificates) != 1:
            return None
        found = <tuple>self.known.get(certificates[0])
        return self._learn(certificates[0]) if found is None else found

    cdef tuple _learn(self, object certificate):
        name, expires_ns = self.read(certificate)
        found = (None if name is None else new_principal(name), expires_ns)
        if len(self.known) >= MAX_KNOWN:
            self.known.clear()
        self.known[certificate] = found
        return found


@cython.final
cdef class CertificateGuard(Guard):
    cdef CertificatePrincipals principals
    cdef Guard tokens
    cdef Rejection nobody
    cdef bint only_tokens

    def __init__(
        self,
        CertificatePrincipals principals not None,
        Guard tokens not None,
        Rejection nobody,
        *,
        bint only_tokens = False,
    ):
        Guard.__init__(self, "authentication", shadow=tokens.shadow)
        self.principals = principals
        self.tokens = tokens
        self.nobody = nobody
        self.only_tokens = only_tokens

    cpdef object check(self, Call call):
        cdef bint by_token = self.only_tokens or has_token(call)
        cdef Principal principal
        if by_token and self.nobody is None:
            return self.tokens.check(call)
        principal = self.principals.of(call)
        if principal is None and self.nobody is not None:
            return self.nobody
        if by_token or principal is None:
            return self.tokens.check(call)
        call.principal = principal
        return None
