"""JSON texts and their numbers, read strictly.

The contract of the native face stands in json_reader.pxd.
"""

from libc.math cimport isfinite
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef extern from "Python.h":
    # In no locale, and of nothing but a number: so it raises nothing.
    double PyOS_string_to_double(const char* text, char** end, void* overflow)

cdef enum:
    MOST_NUMBER_BYTES = 64
    MOST_EXACT_DIGITS = 19
    MOST_EXACT_POWER = 22

cdef uint64_t MOST_WHOLE = 1ULL << 53

# Those that a double holds exactly.
cdef double[MOST_EXACT_POWER + 1] POWERS
POWERS[:] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]


cdef inline bint is_digit(const Text* text) noexcept nogil:
    return text.at < text.end and c"0" <= text.at[0] <= c"9"


cdef inline void read_digits(Text* text, uint64_t* value, int* digits) noexcept nogil:
    """Adds to a number that is right as long as it has no more digits than fit."""
    while is_digit(text):
        if digits[0] or text.at[0] != c"0":
            digits[0] += 1
        value[0] = 10 * value[0] + (text.at[0] - c"0")
        text.at += 1


cdef bint read_number(Text* text, double* number) noexcept:
    """RFC 8259, section 6. Whole ones are exact, or are not read; others are the nearest double."""
    cdef const unsigned char* start = text.at
    cdef bint is_negative = skip_word(text, b"-", 1), is_whole = True, is_small
    cdef const unsigned char* first = text.at
    cdef const unsigned char* point
    cdef uint64_t value = 0, power = 0
    cdef int digits = 0, power_digits = 0
    cdef Py_ssize_t exponent = 0
    if not is_digit(text):
        return False
    read_digits(text, &value, &digits)
    if first[0] == c"0" and text.at - first > 1:
        return False
    if skip_word(text, b".", 1):
        is_whole = False
        point = text.at
        read_digits(text, &value, &digits)
        exponent = point - text.at
        if not exponent:
            return False
    if text.at < text.end and (text.at[0] | 0x20) == c"e":
        is_whole = False
        text.at += 1
        is_small = skip_word(text, b"-", 1)
        if not is_small:
            skip_word(text, b"+", 1)
        if not is_digit(text):
            return False
        read_digits(text, &power, &power_digits)
        if power_digits > 4:
            return False
        exponent += -<Py_ssize_t>power if is_small else <Py_ssize_t>power
    # With both exact, what is left is one operation, which gives the nearest.
    if (
        digits > MOST_EXACT_DIGITS
        or value > MOST_WHOLE
        or not -MOST_EXACT_POWER <= exponent <= MOST_EXACT_POWER
    ):
        return not is_whole and nearest_double(start, text.at - start, number)
    if is_whole and is_negative and value == 0:
        return False
    number[0] = <double>value
    if exponent < 0:
        number[0] /= POWERS[-exponent]
    else:
        number[0] *= POWERS[exponent]
    if is_negative:
        number[0] = -number[0]
    return True


cdef bint nearest_double(const unsigned char* start, Py_ssize_t size, double* number) noexcept:
    cdef char[MOST_NUMBER_BYTES + 1] copy
    if size > MOST_NUMBER_BYTES:
        return False
    memcpy(copy, start, size)
    copy[size] = 0
    number[0] = PyOS_string_to_double(copy, NULL, NULL)
    return isfinite(number[0])
