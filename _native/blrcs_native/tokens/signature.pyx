"""What a signature must look like before it is worth checking.

ECDSA: RFC 7518 section 3.4, a fixed length and 1 <= r, s < n (FIPS 186-5, section 6.4.2).
EdDSA: RFC 8037 and RFC 8032 section 5.1.7, 64 octets and S < L. A library below checks most of
this as well; these checks hold whichever library it is.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp, memcpy

# The orders n of the curves, SEC 2 sections 2.4.2 and 2.5.1, and L of Ed25519, big-endian.
P256_ORDER = bytes.fromhex(
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
)
P384_ORDER = bytes.fromhex(
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"
)
cdef bytes ED25519_ORDER = bytes.fromhex(
    "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"
)

cdef enum:
    ED25519_SIGNATURE_BYTES = 64
    MAX_SCALAR_BYTES = 48
    DER_SEQUENCE = 0x30
    DER_INTEGER = 0x02


cdef bytes ecdsa_der(bytes signature, bytes order):
    """`r || s` as the DER sequence that libraries check, or None for a form that is refused.

    `order` is the curve's n, at most 48 octets, so that every DER length takes one octet.
    """
    cdef Py_ssize_t size = PyBytes_GET_SIZE(order)
    if size > MAX_SCALAR_BYTES or PyBytes_GET_SIZE(signature) != 2 * size:
        return None
    cdef const unsigned char* limit = <const unsigned char*>PyBytes_AS_STRING(order)
    cdef const unsigned char* r = <const unsigned char*>PyBytes_AS_STRING(signature)
    cdef const unsigned char* s = r + size
    if not is_scalar(r, limit, size) or not is_scalar(s, limit, size):
        return None
    cdef unsigned char[2 + 2 * (3 + MAX_SCALAR_BYTES)] der
    cdef unsigned char* end = put_integer(put_integer(der + 2, r, size), s, size)
    der[0] = DER_SEQUENCE
    der[1] = <unsigned char>(end - der - 2)
    return PyBytes_FromStringAndSize(<char*>der, end - der)


cdef bint is_scalar(
    const unsigned char* octets, const unsigned char* limit, Py_ssize_t size
) noexcept nogil:
    """Whether the big-endian number is at least 1 and below `limit`, as long as it."""
    cdef unsigned char any_bit = 0
    cdef Py_ssize_t index
    for index in range(size):
        any_bit |= octets[index]
    return any_bit != 0 and memcmp(octets, limit, size) < 0


cdef unsigned char* put_integer(
    unsigned char* target, const unsigned char* octets, Py_ssize_t size
) noexcept nogil:
    """Writes a positive number as a DER INTEGER, and returns where it ends."""
    while octets[0] == 0:
        octets += 1
        size -= 1
    cdef int sign_octet = octets[0] >> 7
    target[0] = DER_INTEGER
    target[1] = <unsigned char>(size + sign_octet)
    target[2] = 0
    memcpy(target + 2 + sign_octet, octets, size)
    return target + 2 + sign_octet + size


cdef bint is_ed25519_form(bytes signature) noexcept:
    """Whether `R || S` has 64 octets and S, little-endian, is below L."""
    if PyBytes_GET_SIZE(signature) != ED25519_SIGNATURE_BYTES:
        return False
    cdef const unsigned char* s = <const unsigned char*>PyBytes_AS_STRING(signature) + 32
    cdef const unsigned char* limit = <const unsigned char*>PyBytes_AS_STRING(ED25519_ORDER)
    cdef int index
    for index in range(32):
        if s[31 - index] != limit[index]:
            return s[31 - index] < limit[index]
    return False


def ecdsa_to_der(bytes signature not None, bytes order not None):
    """`r || s` as a DER sequence; None where its length or a range is wrong.

    `order` is P256_ORDER or P384_ORDER.
    """
    return ecdsa_der(signature, order)


def ed25519_form(bytes signature not None):
    """Whether an Ed25519 signature has its 64 octets and S < L."""
    return is_ed25519_form(signature)
