"""Forms that the rules of buf.validate ask of texts, for handlers that read requests themselves.

The contract states the rules; what stands here admits no more than they do.
"""

from blrcs_native.protobuf_wire cimport Span

cdef enum:
    MAX_ID_BYTES = 64


cdef inline bint is_id_byte(unsigned char byte) noexcept nogil:
    return c"a" <= byte <= c"z" or c"0" <= byte <= c"9"


cdef inline bint is_id(const unsigned char* text, Py_ssize_t size) noexcept nogil:
    """``^[a-z0-9][a-z0-9._-]{0,63}$``"""
    cdef Py_ssize_t i
    if not 0 < size <= MAX_ID_BYTES or not is_id_byte(text[0]):
        return False
    for i in range(1, size):
        if not (is_id_byte(text[i]) or text[i] == c"." or text[i] == c"_" or text[i] == c"-"):
            return False
    return True


cdef inline bint is_id_span(Span text) noexcept nogil:
    return is_id(text.data, text.size)


cdef enum:
    MAX_RECORD_ID_BYTES = 128


cdef inline bint is_letter_or_digit(unsigned char byte) noexcept nogil:
    return is_id_byte(byte) or c"A" <= byte <= c"Z"


cdef inline bint is_record_id(const unsigned char* text, Py_ssize_t size) noexcept nogil:
    """``^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$``"""
    cdef Py_ssize_t i
    if not 0 < size <= MAX_RECORD_ID_BYTES or not is_letter_or_digit(text[0]):
        return False
    for i in range(1, size):
        if not is_letter_or_digit(text[i]) and not (
            text[i] == c"." or text[i] == c"_" or text[i] == c"~" or text[i] == c"-"
        ):
            return False
    return True
