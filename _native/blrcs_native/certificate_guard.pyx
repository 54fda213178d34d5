"""The guard that finds out who calls by a client's certificate, where there is no token."""

cimport cython

from blrcs_native.call cimport Call, Principal
from blrcs_native.guard cimport Guard
from blrcs_native.rejection cimport Rejection

from blrcs_native.call import Principal as new_principal

cdef enum:
    MAX_KNOWN = 4096

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

    def __init__(self, read not None, clock not None):
        self.read = read
        self.clock = clock
        self.known = {}

    def principal(self, Call call not None):
        return self.of(call)

    cdef Principal of(self, Call call):
        cdef tuple found
        certificates = call.stream.auth_context().get(CERTIFICATE)
        if not certificates or len(certificates) != 1:
            return None
        found = <tuple>self.known.get(certificates[0])
        if found is None:
            found = self._learn(certificates[0])
        # A connection may outlast the certificate that it was made with.
        return None if found[1] <= self.clock() else <Principal>found[0]

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

    def __init__(
        self, CertificatePrincipals principals not None, Guard tokens not None, Rejection nobody
    ):
        Guard.__init__(self, "authentication", shadow=tokens.shadow)
        self.principals = principals
        self.tokens = tokens
        self.nobody = nobody

    cpdef object check(self, Call call):
        cdef bint by_token = has_token(call)
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
