"""JSON texts, read strictly (RFC 8259), byte by byte; False for what is not read."""

from libc.string cimport memcmp


cdef struct Text:
    const unsigned char* at
    const unsigned char* end


cdef inline void skip_space(Text* text) noexcept nogil:
    while text.at < text.end and (
        text.at[0] == c" " or text.at[0] == c"\n" or text.at[0] == c"\r" or text.at[0] == c"\t"
    ):
        text.at += 1


cdef inline bint skip_byte(Text* text, unsigned char byte) noexcept nogil:
    """Whether it is this one that comes next, behind spaces."""
    skip_space(text)
    if text.at == text.end or text.at[0] != byte:
        return False
    text.at += 1
    return True


cdef inline bint skip_word(Text* text, const char* word, Py_ssize_t size) noexcept nogil:
    if text.end - text.at < size or memcmp(text.at, word, size) != 0:
        return False
    text.at += size
    return True


# A whole number is read only where a double holds it; of others it is the nearest one.
cdef bint read_number(Text* text, double* number) noexcept
