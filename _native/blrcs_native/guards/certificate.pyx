"""The guard that finds out who calls by a client's certificate, where there is no token."""

import time

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uintptr_t

from blrcs_native.calls.call cimport Call, Principal
from blrcs_native.calls.field_name cimport field_part, is_named
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.guards.guard cimport Guard
from blrcs_native.http2.stream cimport Stream
from blrcs_native.tokens.claims cimport new_serial
from blrcs_native.unix_clock cimport unix_ns

from blrcs_native.calls.call import Principal as new_principal

cdef enum:
    MAX_KNOWN = 4096
    KNOWN_IDENTITIES = 256

cdef object LAST_NS = 2**63 - 1
CERTIFICATE = "x509_pem_cert"


cdef bint has_token(Call call) except -1:
    for field in call.metadata:
        if is_named(field_part(field, 0), "authorization"):
            return True
    return False


@cython.final
cdef class Holder:
    """Whose a certificate is, and until when."""

    cdef Principal principal
    cdef int64_t expires_ns


@cython.final
cdef class CertificatePrincipals:
    cdef object read
    cdef object clock  # None for the system's
    cdef dict known
    # What was found for a connection's identity; all its calls have the same object.
    cdef list identities
    cdef list found

    def __init__(self, read not None, clock not None):
        self.read = read
        self.clock = None if clock is time.time_ns else clock
        self.known = {}
        self.identities = [None] * KNOWN_IDENTITIES
        self.found = [None] * KNOWN_IDENTITIES

    def principal(self, Call call not None):
        return self.of(call)

    cdef Principal of(self, Call call):
        cdef Holder found
        if type(call.stream) is Stream and (<Stream>call.stream).link.identity is not None:
            found = self._of_connection(call, (<Stream>call.stream).link.identity)
        else:
            found = self._look(call)
        # A connection may outlast the certificate that it was made with.
        if found is None or found.expires_ns <= unix_ns(self.clock):
            return None
        return found.principal

    cdef Holder _of_connection(self, Call call, object identity):
        cdef Py_ssize_t slot = (<uintptr_t><PyObject*>identity >> 4) % KNOWN_IDENTITIES
        if self.identities[slot] is not identity:
            self.found[slot] = self._look(call)
            self.identities[slot] = identity
        return <Holder>self.found[slot]

    cdef Holder _look(self, Call call):
        cdef Holder found
        certificates = call.stream.auth_context().get(CERTIFICATE)
        if not certificates or len(certificates) != 1:
            return None
        found = <Holder>self.known.get(certificates[0])
        return self._learn(certificates[0]) if found is None else found

    cdef Holder _learn(self, object certificate):
        cdef Holder found = Holder.__new__(Holder)
        name, expires_ns = self.read(certificate)
        found.expires_ns = min(expires_ns, LAST_NS)
        if name is not None:
            found.principal = new_principal(name)
            # It says all of its principal, who is remembered by it.
            found.principal.serial = new_serial()
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
