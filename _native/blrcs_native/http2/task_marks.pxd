"""The C face of what a job may leave on its task."""


cdef class TaskMarks:
    cdef object _name
    cdef Py_ssize_t _weak_references

    cdef bint are_on(self, object task) except -1


cdef TaskMarks marks_of(object task)
