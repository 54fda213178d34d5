"""AccessService.Check, answered in one step."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from blrcs_native.access.table cimport AccessTable
from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.handler cimport DirectHandler
from blrcs_native.encoding.protobuf_wire cimport (
    Reader,
    Span,
    is_done,
    number_size,
    put_number,
    read_text,
    reader_of,
    text_of,
)
from blrcs_native.guards.authorization cimport CurrentAccess
from blrcs_native.guards.request_rules cimport is_id

cdef enum:
    MAX_PERMISSION_BYTES = 256
    MAX_RESOURCE_LENGTH = 1024
    USERS_SIZE = 6
    ACCOUNTS_SIZE = 16


cdef struct CheckRequest:
    Span principal
    Span permission
    Span resource


cdef inline bint is_principal(Span name) noexcept nogil:
    """``^(users|serviceAccounts)/[a-z0-9][a-z0-9._-]{0,63}$``"""
    if name.size > USERS_SIZE and memcmp(name.data, b"users/", USERS_SIZE) == 0:
        return is_id(name.data + USERS_SIZE, name.size - USERS_SIZE)
    if name.size > ACCOUNTS_SIZE and memcmp(name.data, b"serviceAccounts/", ACCOUNTS_SIZE) == 0:
        return is_id(name.data + ACCOUNTS_SIZE, name.size - ACCOUNTS_SIZE)
    return False


cdef inline bint is_permission(Span name) noexcept nogil:
    """``^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$``, of at most 256 bytes."""
    cdef Py_ssize_t i
    cdef unsigned char byte
    cdef bint begins = True
    if not 0 < name.size <= MAX_PERMISSION_BYTES:
        return False
    for i in range(name.size):
        byte = name.data[i]
        if byte == c".":
            if begins:
                return False
            begins = True
        elif (
            c"a" <= byte <= c"z"
            or c"A" <= byte <= c"Z"
            or c"0" <= byte <= c"9"
            or byte == c"_"
            or byte == c"-"
        ):
            begins = False
        else:
            return False
    return not begins


cdef bint read_check(const unsigned char* body, Py_ssize_t size, CheckRequest* request) noexcept nogil:
    """A CheckRequest that is valid by the rules of its contract."""
    cdef Reader reader = reader_of(body, size)
    cdef Py_ssize_t length = 0
    return (
        read_text(&reader, 1, &request.principal, &length)
        and is_principal(request.principal)
        and read_text(&reader, 2, &request.permission, &length)
        and is_permission(request.permission)
        and read_text(&reader, 3, &request.resource, &length)
        and length <= MAX_RESOURCE_LENGTH
        and is_done(&reader)
    )


@cython.final
cdef class DirectCheck(DirectHandler):
    cdef CurrentAccess access

    def __init__(self, CurrentAccess access not None, guards=()):
        DirectHandler.__init__(self, guards, ("principal", "permission", "resource"))
        self.access = access

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef CheckRequest request
        cdef Rejection rejection
        cdef AccessTable table
        cdef uint64_t epoch
        cdef bint allowed
        if not read_check(body, size, &request):
            return None
        cdef str principal = text_of(request.principal)
        cdef str permission = text_of(request.permission)
        cdef str resource = text_of(request.resource)
        if not self.is_admitted(call, &request.principal):
            rejection = self.admit_texts(call, (principal, permission, resource))
            if rejection is not None:
                return rejection
            self.note_admitted(call, &request.principal)
        table = self.access.now()
        allowed = table.allows(principal, permission, resource)
        epoch = table.epoch
        cdef bytes reply = PyBytes_FromStringAndSize(NULL, number_size(allowed) + number_size(epoch))
        cdef unsigned char* at = <unsigned char*>PyBytes_AS_STRING(reply)
        put_number(put_number(at, 1, allowed), 2, epoch)
        return reply
