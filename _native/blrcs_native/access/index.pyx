"""Which roles members are bound to on which resources, in flat memory.

One index has the bindings that grant, another those that deny; a table asks both.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from blrcs_native.access.resource_template cimport RESOURCE_DEPTHS, ResourcePrefix, split_resource
from blrcs_native.access.terms cimport Term, Terms, add_term
from blrcs_native.conditions.condition cimport Condition

cdef int64_t NEVER_NS = 0x7FFFFFFFFFFFFFFF


cdef inline uint64_t _mix(uint64_t hash, int32_t subject) noexcept nogil:
    """Spreads a prefix's hash, which is weak in its low bits, over all bits, for one subject."""
    hash ^= (<uint64_t>subject + 1) * <uint64_t>0x9E3779B97F4A7C15
    hash = (hash ^ (hash >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    return hash ^ (hash >> 29)


@cython.final
cdef class BindingIndex:
    """Bindings by member and resource; immutable.

    ``bindings`` are pairs of a BindingSpec and the number of its role; ``subject_ids`` numbers
    members, and those that are new are added. ``denies`` says whether they deny or grant.
    """

    def __cinit__(self, bindings, dict subject_ids, uint64_t seed, *, bint denies):
        cdef dict placed = {}, conditions = {}
        cdef dict anywhere = {}
        self._seed = seed
        self._denies = denies
        for binding, role in bindings:
            expires_at_ns = NEVER_NS if binding.expires_at_ns is None else binding.expires_at_ns
            number = -1
            if binding.condition is not None:
                number = conditions.setdefault(binding.condition, len(conditions))
                self.reads_message |= (<Condition?>binding.condition).reads_message
            for member in binding.members:
                subject = subject_ids.setdefault(member, len(subject_ids))
                grants = placed.setdefault((subject, binding.resource), {})
                for held in (grants, anywhere.setdefault(subject, {})):
                    held[role, number] = max(expires_at_ns, held.get((role, number), expires_at_ns))
        self._conditions = tuple(conditions)
        self._subject_count = len(subject_ids)
        self._place(placed, [anywhere.get(subject, {}) for subject in range(len(subject_ids))])

    def __dealloc__(self):
        free(self._slots)
        free(self._grants)
        free(self._subjects)

    cdef void _allocate(self, Py_ssize_t slots, Py_ssize_t grants) except *:
        cdef Py_ssize_t size = 2
        while size < 2 * slots:
            size *= 2
        self._slot_mask = size - 1
        self._slots = <Slot*>calloc(size, sizeof(Slot))
        self._grants = <Grant*>calloc(grants + 1, sizeof(Grant))
        self._subjects = <Subject*>calloc(self._subject_count + 1, sizeof(Subject))
        if self._slots == NULL or self._grants == NULL or self._subjects == NULL:
            raise MemoryError

    cdef object _place(self, dict placed, list anywhere):
        """Writes grants by subject and resource, and by subject alone, into flat memory."""
        cdef ResourcePrefix prefixes[RESOURCE_DEPTHS]
        cdef int depth = 0
        cdef int32_t subject, used = 0
        cdef uint64_t hash, index
        cdef const unsigned char* text
        cdef bytes prefix
        self._allocate(len(placed), sum(map(len, (*placed.values(), *anywhere))))
        self._prefixes = []
        for (subject, resource), held in placed.items():
            prefix = resource.encode()
            self._prefixes.append(prefix)  # keeps alive what the slot points to
            text = <const unsigned char*>PyBytes_AS_STRING(prefix)
            split_resource(text, PyBytes_GET_SIZE(prefix), self._seed, prefixes, &depth)
            self._subjects[subject].depths |= <uint32_t>1 << depth
            hash = _mix(prefixes[depth].hash, subject)
            index = hash & self._slot_mask
            while self._slots[index].count:
                index = (index + 1) & self._slot_mask
            self._slots[index] = Slot(
                hash, <const char*>text, PyBytes_GET_SIZE(prefix), subject, used, len(held)
            )
            used = self._write(used, held)
        for subject, held in enumerate(anywhere):
            self._subjects[subject].first = used
            self._subjects[subject].count = len(held)
            used = self._write(used, held)

    cdef int32_t _write(self, int32_t used, dict held) except -1:
        """Writes expiries by role and condition as grants from ``used`` on; returns what is used then."""
        for (role, condition), expires_at_ns in held.items():
            self._grants[used] = Grant(expires_at_ns, role, condition)
            used += 1
        return used

    cdef const Slot* _find(
        self, int32_t subject, uint64_t hash, const char* prefix, Py_ssize_t size_bytes
    ) noexcept:
        """The slot of a subject on a prefix, or NULL; equal hashes alone never match."""
        cdef uint64_t mixed = _mix(hash, subject)
        cdef uint64_t index = mixed & self._slot_mask
        cdef Slot* slot = &self._slots[index]
        while slot.count:
            if (
                slot.hash == mixed
                and slot.subject == subject
                and slot.size_bytes == size_bytes
                and memcmp(slot.prefix, prefix, size_bytes) == 0
            ):
                return slot
            index = (index + 1) & self._slot_mask
            slot = &self._slots[index]
        return NULL

    cdef bint _gather(
        self, int32_t first, int32_t count, Question* question, Terms* terms
    ) except -1:
        """Adds the bindings of roles that have the permission; whether one of them always counts."""
        cdef Grant* grant = self._grants + first
        cdef Grant* end = grant + count
        cdef Term term
        term.denies = self._denies
        while grant < end:
            if question.roles[grant.role >> 3] >> (grant.role & 7) & 1 and (
                grant.condition < 0 or question.assumption != ASSUME_FALSE
            ):
                term.condition = NULL
                if grant.condition >= 0 and question.assumption == ASK:
                    term.condition = <PyObject*>self._conditions[grant.condition]
                term.expires_at_ns = grant.expires_at_ns
                if term.condition == NULL and term.expires_at_ns == NEVER_NS:
                    terms.is_denied |= self._denies
                    terms.is_granted |= not self._denies
                    return True
                add_term(terms, term)
            grant += 1
        return False

    cdef bint covers(self, Question* question, Terms* terms) except -1:
        """Adds the bindings on the resource and above it; whether one of them always counts."""
        cdef int level
        cdef Py_ssize_t i
        cdef int32_t number
        cdef const Slot* slot
        cdef ResourcePrefix* prefix
        for i in range(question.subject_count):
            number = question.subjects[i]
            if number >= self._subject_count:
                continue
            for level in range(question.depth + 1):
                if not self._subjects[number].depths >> level & 1:
                    continue
                prefix = &question.prefixes[level]
                slot = self._find(number, prefix.hash, question.resource, prefix.size_bytes)
                if slot != NULL and self._gather(slot.first, slot.count, question, terms):
                    return True
        return False

    cdef bint covers_anything(self, Question* question, Terms* terms) except -1:
        """Adds the bindings on any resource; whether one of them always counts."""
        cdef Py_ssize_t i
        cdef Subject* subject
        for i in range(question.subject_count):
            if question.subjects[i] >= self._subject_count:
                continue
            subject = &self._subjects[question.subjects[i]]
            if self._gather(subject.first, subject.count, question, terms):
                return True
        return False
