"""The names and values of metadata's fields."""

from cpython.tuple cimport PyTuple_Check, PyTuple_GET_ITEM, PyTuple_GET_SIZE


cdef inline object field_part(object field, Py_ssize_t index):
    """The name or the value. Unpacking would be slow: most transports give a kind of named tuple."""
    if PyTuple_Check(field) and PyTuple_GET_SIZE(field) == 2:
        return <object>PyTuple_GET_ITEM(field, index)
    return field[index]


cdef inline bint is_named(object name, str wanted) except -1:
    """Whether a field has a name: most are told apart by their length, and are one object if equal."""
    if name is wanted:
        return True
    if type(name) is str and len(<str>name) != len(wanted):
        return False
    return name == wanted
