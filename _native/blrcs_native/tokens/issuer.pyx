"""Of which issuer a token says that it is, before anybody has verified it."""

from blrcs_native.encoding.strict_json cimport read_strict_object
from blrcs_native.tokens.jws cimport CompactParts, read_base64url, split_compact

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void* PyUnicode_DATA(object text)


cdef str issuer_in(const unsigned char* text, CompactParts* parts):
    """The `iss` of a token that nobody has verified; None where none can be read."""
    cdef bytes payload = read_base64url(text + parts.payload_start, parts.payload_size)
    cdef dict members = None if payload is None else read_strict_object(payload)
    issuer = None if members is None else members.get("iss")
    return <str>issuer if type(issuer) is str else None


def named_issuer(str token not None):
    cdef CompactParts parts
    if not PyUnicode_IS_ASCII(token):
        return None
    text = <const unsigned char*>PyUnicode_DATA(token)
    if not split_compact(text, PyUnicode_GET_LENGTH(token), &parts):
        return None
    return issuer_in(text, &parts)
