"""JSON text written as google.protobuf.Struct, without any object between.

What is read here is JSON (RFC 8259) that has one meaning, and all of it can be written: UTF-8, no
name twice in an object, no half of a surrogate pair, and no number that 64 bits of floating point do
not hold. Of anything else the functions return False; what they have written then is worth nothing,
and whoever reads the text by other means finds out what is wrong, if anything is.
"""

from blrcs_native.json_reader cimport Text


cdef struct Output:
    unsigned char* start  # of PyMem_RawMalloc
    Py_ssize_t room
    Py_ssize_t used


# So many bytes behind what is written; NULL where there is no memory for them.
cdef unsigned char* take(Output* output, Py_ssize_t size) noexcept nogil

# A text without its quotes, where nothing in it is escaped.
cdef bint read_plain_text(Text* text, const unsigned char** start, Py_ssize_t* size) noexcept nogil

# An object's members as those of a google.protobuf.Struct, in the order of the text, with at most
# so many levels of objects and lists.
cdef bint put_object(Text* text, Output* output, int levels) noexcept
