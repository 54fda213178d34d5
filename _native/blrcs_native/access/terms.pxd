"""The C face of what a decision of the access table rests on."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t

cdef enum:
    MOST_KEPT = 4
    NOT_KEPT = -1


# Bindings that match what is asked, of which it is not always so that they count.
cdef struct Term:
    int64_t expires_at_ns  # the largest value stands for never
    PyObject* condition    # NULL without one; the table that found it keeps it alive
    bint denies


# All that match, in the order in which they are judged. `begun` makes them, `end` lets them go.
cdef struct Terms:
    bint is_granted  # by what always counts: of others only those that deny are asked
    bint is_denied   # likewise: no other is asked
    Py_ssize_t count
    Py_ssize_t room
    Term* terms


# The same, where they are few: what can be remembered for as long as the table is there.
cdef struct KeptTerms:
    int count  # NOT_KEPT where nothing can be remembered; 0 for what is granted by what always counts
    bint is_granted
    Term terms[MOST_KEPT]


cdef Terms begun(bint is_granted) noexcept
cdef void end(Terms* terms) noexcept
cdef int add_term(Terms* terms, Term term) except -1
cdef void keep_granted(KeptTerms* kept) noexcept
cdef void keep(Terms* terms, KeptTerms* kept) noexcept
