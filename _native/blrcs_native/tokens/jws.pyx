"""The outer form of a token: JWS compact serialization and strict base64url.

RFC 7515 sections 2, 3.1 and 7.1, RFC 4648 sections 3.5 and 5. There is one text for given octets:
no padding, no white space, no bits set that no octet uses. A token that could be written in two
ways would have two names in every cache and log.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr

cdef bytes ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# The value of each character of the alphabet.
cdef unsigned char[256] VALUES


cdef void fill_values() noexcept:
    cdef int value
    for value in range(64):
        VALUES[<unsigned char>ALPHABET[value]] = value


fill_values()


cdef bint split_compact(
    const unsigned char* text, Py_ssize_t size, CompactParts* parts
) noexcept nogil:
    """Finds the three parts of `text`; false unless it has exactly two dots and no empty part.

    Allocates nothing, and stops at the third dot, however many follow. An empty payload, which
    RFC 7515 allows, cannot be a JWT; an empty signature is that of an unsecured one.
    """
    cdef const unsigned char* first = <const unsigned char*>memchr(text, c".", size)
    if first == NULL:
        return False
    cdef Py_ssize_t payload_start = first - text + 1
    cdef const unsigned char* second = <const unsigned char*>memchr(
        first + 1, c".", size - payload_start
    )
    if second == NULL:
        return False
    cdef Py_ssize_t signature_start = second - text + 1
    if memchr(second + 1, c".", size - signature_start) != NULL:
        return False
    parts.header_size = payload_start - 1
    parts.payload_start = payload_start
    parts.payload_size = signature_start - 1 - payload_start
    parts.signature_start = signature_start
    parts.signature_size = size - signature_start
    return parts.header_size > 0 and parts.payload_size > 0 and parts.signature_size > 0


cdef inline unsigned char is_alien(unsigned char character) noexcept nogil:
    """1 for what is not of the alphabet, else 0; without branches, so that many are told at once."""
    return not (
        (<unsigned char>((character | 0x20) - c"a") < 26)
        | (<unsigned char>(character - c"0") < 10)
        | (character == c"-")
        | (character == c"_")
    )


cdef bint is_base64url(const unsigned char* text, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t tail = size & 3
    cdef Py_ssize_t index
    cdef unsigned char aliens = 0
    for index in range(size):
        aliens |= is_alien(text[index])
    if aliens or tail == 1:
        return False
    if tail == 2:
        return not VALUES[text[size - 1]] & 0x0F
    return tail == 0 or not VALUES[text[size - 1]] & 0x03


cdef bytes read_base64url(const unsigned char* text, Py_ssize_t size):
    """The octets that `text` stands for, or None where it is not strict base64url."""
    cdef Py_ssize_t tail = size & 3
    cdef Py_ssize_t octet_count = size // 4 * 3 + (tail - 1 if tail else 0)
    if not is_base64url(text, size):
        return None
    cdef bytes octets = PyBytes_FromStringAndSize(NULL, octet_count)
    fill_octets(<unsigned char*>PyBytes_AS_STRING(octets), text, size - tail, tail)
    return octets


cdef void fill_octets(
    unsigned char* octets, const unsigned char* text, Py_ssize_t whole, Py_ssize_t tail
) noexcept nogil:
    """Decodes `whole` characters, a multiple of four, and the `tail` of 0, 2 or 3 after them."""
    cdef const unsigned char* end = text + whole
    cdef unsigned char a, b, c, d
    while text < end:
        a = VALUES[text[0]]
        b = VALUES[text[1]]
        c = VALUES[text[2]]
        d = VALUES[text[3]]
        octets[0] = (a << 2) | (b >> 4)
        octets[1] = ((b & 0x0F) << 4) | (c >> 2)
        octets[2] = ((c & 0x03) << 6) | d
        text += 4
        octets += 3
    if tail:
        a = VALUES[text[0]]
        b = VALUES[text[1]]
        octets[0] = (a << 2) | (b >> 4)
        if tail == 3:
            octets[1] = ((b & 0x0F) << 4) | (VALUES[text[2]] >> 2)


def split(bytes token not None):
    """The three parts of a compact JWS, still encoded, or None where it has another form."""
    cdef CompactParts parts
    if not split_compact(
        <const unsigned char*>PyBytes_AS_STRING(token), PyBytes_GET_SIZE(token), &parts
    ):
        return None
    return (
        token[:parts.header_size],
        token[parts.payload_start : parts.payload_start + parts.payload_size],
        token[parts.signature_start :],
    )


def decode_base64url(bytes text not None):
    """The octets that `text` stands for, or None where it is not strict base64url."""
    return read_base64url(
        <const unsigned char*>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
    )


def encode_base64url(bytes octets not None):
    """The one text that :func:`decode_base64url` reads back as `octets`."""
    cdef Py_ssize_t tail = len(octets) % 3
    cdef list characters = []
    cdef bytes padded = octets + bytes(3 - tail) if tail else octets
    cdef Py_ssize_t start
    cdef unsigned int group
    for start in range(0, len(padded), 3):
        group = int.from_bytes(padded[start : start + 3], "big")
        characters += [ALPHABET[group >> shift & 63] for shift in (18, 12, 6, 0)]
    if tail:
        del characters[tail - 3 :]
    return bytes(characters).decode("ascii")
