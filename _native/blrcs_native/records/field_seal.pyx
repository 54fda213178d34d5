"""The form of sealed values, made and taken apart around the calls of AES-GCM."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

cdef extern from "sys/random.h" nogil:
    Py_ssize_t getrandom(void* buffer, size_t length, unsigned int flags)

cdef extern from "pthread.h" nogil:
    int pthread_atfork(void (*prepare)() noexcept, void (*parent)() noexcept, void (*child)() noexcept)

cdef enum:
    NONCE_BYTES = 12
    NONCES_AT_ONCE = 16
    # So few bytes come whole, and no signal is in between (getrandom(2)).
    DRAWN_BYTES = NONCES_AT_ONCE * NONCE_BYTES
    MAX_PLACE_BYTES = 1 << 20

# Of the whole process; whoever looks at it holds the GIL.
cdef unsigned char[DRAWN_BYTES] drawn
cdef int drawn_left = 0


cdef void forget_drawn() noexcept nogil:
    global drawn_left
    drawn_left = 0


if pthread_atfork(NULL, NULL, forget_drawn):
    raise MemoryError


cdef bytes new_nonce():
    """96 random bits of the kernel, drawn a few at once, and never those of the process before.

    The clock is mixed in, which leaves them as random as they were: so that a virtual machine that
    is run twice from one snapshot, with the same ones drawn, does not use the same ones.
    """
    global drawn_left
    cdef bytes nonce
    cdef timespec now
    cdef uint64_t mixed
    cdef char* end
    if not drawn_left:
        if getrandom(drawn, DRAWN_BYTES, 0) != DRAWN_BYTES:
            raise OSError("the kernel gives no random bytes")
        drawn_left = NONCES_AT_ONCE
    drawn_left -= 1
    nonce = PyBytes_FromStringAndSize(<char*>drawn + drawn_left * NONCE_BYTES, NONCE_BYTES)
    clock_gettime(CLOCK_REALTIME, &now)
    end = PyBytes_AS_STRING(nonce) + NONCE_BYTES - sizeof(mixed)
    memcpy(&mixed, end, sizeof(mixed))
    mixed ^= <uint64_t>now.tv_sec * 1_000_000_000 + <uint64_t>now.tv_nsec
    memcpy(end, &mixed, sizeof(mixed))
    return nonce


@cython.final
@cython.freelist(8)
cdef class FieldSeal:
    """See field_seal.pyi."""

    cdef bytes head
    cdef object encrypt
    cdef object decrypt
    cdef object random
    cdef long long left

    def __init__(
        self, bytes head not None, encrypt not None, decrypt not None, *, long long most, random=None
    ):
        self.head = head
        self.encrypt = encrypt
        self.decrypt = decrypt
        self.random = random
        self.left = most

    def seal(self, bytes prefix not None, str name not None, bytes value not None):
        cdef bytes nonce, encrypted, sealed
        cdef char* end
        cdef Py_ssize_t head_size = PyBytes_GET_SIZE(self.head)
        if self.left <= 0:
            return None
        self.left -= 1
        nonce = new_nonce() if self.random is None else self.random(NONCE_BYTES)
        if PyBytes_GET_SIZE(nonce) != NONCE_BYTES:
            raise ValueError("a nonce has 12 bytes")
        encrypted = self.encrypt(nonce, value, self.data_of(prefix, name))
        sealed = PyBytes_FromStringAndSize(
            NULL, head_size + NONCE_BYTES + PyBytes_GET_SIZE(encrypted)
        )
        end = PyBytes_AS_STRING(sealed)
        memcpy(end, PyBytes_AS_STRING(self.head), head_size)
        memcpy(end + head_size, PyBytes_AS_STRING(nonce), NONCE_BYTES)
        memcpy(
            end + head_size + NONCE_BYTES,
            PyBytes_AS_STRING(encrypted),
            PyBytes_GET_SIZE(encrypted),
        )
        return sealed

    def open(self, bytes prefix not None, str name not None, bytes sealed not None):
        cdef Py_ssize_t start = PyBytes_GET_SIZE(self.head) + NONCE_BYTES
        cdef const char* data = PyBytes_AS_STRING(sealed)
        if not self.has_sealed(sealed):
            raise ValueError("another key has sealed it")
        nonce = PyBytes_FromStringAndSize(data + start - NONCE_BYTES, NONCE_BYTES)
        encrypted = PyBytes_FromStringAndSize(data + start, PyBytes_GET_SIZE(sealed) - start)
        return self.decrypt(nonce, encrypted, self.data_of(prefix, name))

    def has_sealed(self, bytes sealed not None):
        cdef Py_ssize_t head_size = PyBytes_GET_SIZE(self.head)
        return (
            PyBytes_GET_SIZE(sealed) >= head_size + NONCE_BYTES
            and memcmp(PyBytes_AS_STRING(sealed), PyBytes_AS_STRING(self.head), head_size) == 0
        )

    cdef bytes data_of(self, bytes prefix, str name):
        cdef Py_ssize_t name_size = 0
        cdef const char* text = PyUnicode_AsUTF8AndSize(name, &name_size)
        cdef Py_ssize_t head_size = PyBytes_GET_SIZE(self.head)
        cdef Py_ssize_t prefix_size = PyBytes_GET_SIZE(prefix)
        cdef bytes data
        cdef char* end
        if prefix_size > MAX_PLACE_BYTES or name_size > MAX_PLACE_BYTES:
            raise ValueError("the place is too long")
        data = PyBytes_FromStringAndSize(NULL, head_size + prefix_size + name_size)
        end = PyBytes_AS_STRING(data)
        memcpy(end, PyBytes_AS_STRING(self.head), head_size)
        memcpy(end + head_size, PyBytes_AS_STRING(prefix), prefix_size)
        memcpy(end + head_size + prefix_size, text, name_size)
        return data
