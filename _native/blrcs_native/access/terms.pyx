"""What a decision of the access table rests on, where that changes with time or with the call."""

from libc.stdlib cimport free, realloc

cdef enum:
    FIRST_ROOM = 8


cdef Terms begun(bint is_granted) noexcept:
    cdef Terms terms
    terms.is_granted = is_granted
    terms.is_denied = False
    terms.count = 0
    terms.room = 0
    terms.terms = NULL
    return terms


cdef void end(Terms* terms) noexcept:
    free(terms.terms)


cdef int add_term(Terms* terms, Term term) except -1:
    """Adds a term; of several that differ in their end alone, the last to end is enough."""
    cdef Py_ssize_t i, room
    cdef Term* known
    for i in range(min(terms.count, <Py_ssize_t>MOST_KEPT)):
        known = &terms.terms[i]
        if known.condition == term.condition and known.denies == term.denies:
            known.expires_at_ns = max(known.expires_at_ns, term.expires_at_ns)
            return 0
    if terms.count == terms.room:
        room = max(2 * terms.room, <Py_ssize_t>FIRST_ROOM)
        known = <Term*>realloc(terms.terms, room * sizeof(Term))
        if known == NULL:
            raise MemoryError
        terms.terms = known
        terms.room = room
    terms.terms[terms.count] = term
    terms.count += 1
    return 0


cdef void keep_granted(KeptTerms* kept) noexcept:
    kept.is_granted = True
    kept.count = 0


cdef void keep(Terms* terms, KeptTerms* kept) noexcept:
    """Writes what can be remembered: what may grant, and few terms."""
    cdef Py_ssize_t i
    cdef bint may_grant = terms.is_granted
    cdef int count = 0
    kept.count = NOT_KEPT
    kept.is_granted = terms.is_granted
    if terms.is_denied:
        return
    for i in range(terms.count):
        if terms.is_granted and not terms.terms[i].denies:
            continue
        if count == MOST_KEPT:
            return
        may_grant |= not terms.terms[i].denies
        kept.terms[count] = terms.terms[i]
        count += 1
    if may_grant:
        kept.count = count
