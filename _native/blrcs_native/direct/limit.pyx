"""LimitService.Consume, answered in one step.

As blrcs.v1.LimitService states it: all of the limits that the descriptors match, or none. Limits in
shadow never refuse, and take for themselves. All is decided at one moment. What is counted elsewhere
is decided here only where all of it can be taken of shares that are at hand.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport UINT32_MAX, int64_t, uint64_t
from libc.string cimport memcpy

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.handler cimport DirectHandler
from blrcs_native.encoding.protobuf_wire cimport (
    LENGTH,
    Reader,
    Span,
    bytes_size,
    instant_size,
    is_done,
    next_is,
    number_size,
    put_instant,
    put_length,
    put_number,
    put_text,
    read_flag,
    read_number,
    read_span,
    read_text,
    reader_of,
    span_of,
    text_of,
    text_size,
)
from blrcs_native.guards.request_rules cimport is_id_span
from blrcs_native.limits.algorithm cimport NEVER_NS, DecisionC
from blrcs_native.limits.index cimport CurrentLimits, LimitIndex, LimitRule, SpanPair
from blrcs_native.limits.limiter cimport ClaimC, Limiter
from blrcs_native.limits.share cimport Share, share_clock
from blrcs_native.siphash cimport Hash128

cdef enum:
    MAX_DESCRIPTORS = 32
    MAX_ENTRIES = 8
    MAX_KEY_LENGTH = 128
    MAX_VALUE_LENGTH = 512
    # Each value with its length of four bytes; four bytes a code point at the most.
    CELL_KEY_BYTES = MAX_ENTRIES * (4 + 4 * MAX_VALUE_LENGTH)
    UNMATCHED = -1


cdef struct Descriptor:
    Py_ssize_t count
    SpanPair entries[MAX_ENTRIES]


cdef struct Request:
    Span domain
    Py_ssize_t count
    Descriptor descriptors[MAX_DESCRIPTORS]
    uint64_t cost
    bint check_only


# What is counted in one place, by one descriptor or by several.
cdef struct Counted:
    PyObject* rule  # a LimitRule, borrowed from the index
    PyObject* share  # borrowed from the rule; NULL where the limiter counts
    ClaimC claim
    bint refused
    DecisionC standing


cdef struct Verdict:
    Py_ssize_t count
    Py_ssize_t shares  # how many of ``counted`` have one
    Counted counted[MAX_DESCRIPTORS]
    Py_ssize_t places[MAX_DESCRIPTORS]  # for each descriptor, in ``counted``
    bint allowed
    int64_t wait_ns


cdef bint read_entry(Span part, SpanPair* entry) noexcept nogil:
    cdef Reader reader = reader_of(part.data, part.size)
    cdef Py_ssize_t length = 0
    if not read_text(&reader, 1, &entry.key, &length) or not 0 < length <= MAX_KEY_LENGTH:
        return False
    return (
        read_text(&reader, 2, &entry.value, &length)
        and length <= MAX_VALUE_LENGTH
        and is_done(&reader)
    )


cdef bint read_descriptor(Span part, Descriptor* descriptor) noexcept nogil:
    cdef Reader reader = reader_of(part.data, part.size)
    cdef Span entry
    descriptor.count = 0
    while next_is(&reader, 1, LENGTH):
        if descriptor.count == MAX_ENTRIES or not read_span(&reader, 1, &entry):
            return False
        if not read_entry(entry, &descriptor.entries[descriptor.count]):
            return False
        descriptor.count += 1
    return descriptor.count > 0 and is_done(&reader)


cdef bint read_request(const unsigned char* body, Py_ssize_t size, Request* request) noexcept nogil:
    """A ConsumeRequest that is valid by the rules of its contract."""
    cdef Reader reader = reader_of(body, size)
    cdef Span descriptor
    cdef Py_ssize_t length = 0
    cdef bint stated = False
    if not read_text(&reader, 1, &request.domain, &length) or not is_id_span(request.domain):
        return False
    request.count = 0
    while next_is(&reader, 2, LENGTH):
        if request.count == MAX_DESCRIPTORS or not read_span(&reader, 2, &descriptor):
            return False
        if not read_descriptor(descriptor, &request.descriptors[request.count]):
            return False
        request.count += 1
    request.cost = 1
    request.check_only = False
    return (
        request.count > 0
        and read_number(&reader, 3, &request.cost, &stated)
        and request.cost <= UINT32_MAX
        and read_flag(&reader, 4, &request.check_only)
        and is_done(&reader)
    )


@cython.boundscheck(False)  # a raw buffer, which has room for every descriptor that was read
cdef Py_ssize_t put_cell_key(unsigned char* key, const Descriptor* descriptor) noexcept nogil:
    """The descriptor's values; lengths keep ("a", "bc") apart from ("ab", "c"). Gives the size."""
    cdef Py_ssize_t at = 0, i, size
    for i in range(descriptor.count):
        size = descriptor.entries[i].value.size
        key[at] = 0
        key[at + 1] = 0
        key[at + 2] = <unsigned char>(size >> 8)
        key[at + 3] = <unsigned char>(size & 0xFF)
        if size:  # else there is no data, not even for nothing to be copied from
            memcpy(key + at + 4, descriptor.entries[i].value.data, size)
        at += 4 + size
    return at


cdef PyObject* share_of(LimitRule rule, const unsigned char* key, Py_ssize_t size) except? NULL:
    """The share of a cell, borrowed; NULL where there is none."""
    return PyDict_GetItemWithError(
        rule.shares, PyBytes_FromStringAndSize(<const char*>key, size)
    )


cdef int match(
    LimitIndex index, Limiter limiter, const Request* request, Verdict* verdict
) except -1:
    """Finds what each descriptor is counted by; those that share a place add up.

    Gives 0 where something is to be taken of a share that is not there.
    """
    cdef unsigned char[CELL_KEY_BYTES] values
    cdef PyObject* found
    cdef Py_ssize_t size
    cdef ClaimC* claim
    cdef Hash128 key
    cdef Py_ssize_t i, place
    verdict.count = 0
    verdict.shares = 0
    for i in range(request.count):
        verdict.places[i] = UNMATCHED
        found = index.find(
            request.domain, request.descriptors[i].entries, request.descriptors[i].count
        )
        if found == NULL:
            continue
        size = put_cell_key(values, &request.descriptors[i])
        key = limiter.hash(values, size)
        for place in range(verdict.count):
            claim = &verdict.counted[place].claim
            if (
                verdict.counted[place].rule == found
                and claim.key.low == key.low
                and claim.key.high == key.high
            ):
                break
        else:
            place = verdict.count
            verdict.count += 1
            verdict.counted[place].rule = found
            verdict.counted[place].share = NULL
            if (<LimitRule>found).shares is not None:
                verdict.counted[place].share = share_of(<LimitRule>found, values, size)
                if verdict.counted[place].share == NULL:
                    return 0
                verdict.shares += 1
            claim = &verdict.counted[place].claim
            claim.rule = &(<LimitRule>found).rule.c
            claim.key = key
            claim.cost = 0
            claim.held = False
        claim.cost += <int64_t>request.cost
        verdict.places[i] = place
    return 1


cdef bint decide(Limiter limiter, const Request* request, Verdict* verdict) except -1:
    """Takes from all, or from none, and says how each stands then."""
    cdef bint takes = request.cost and not request.check_only
    cdef int64_t now_ns = limiter.now()
    cdef Counted* counted
    cdef Py_ssize_t i
    verdict.allowed = True
    verdict.wait_ns = 0
    for i in range(verdict.count):
        counted = &verdict.counted[i]
        if takes and verdict.count == 1:
            # Nobody else can refuse, so it is asked and taken from at once.
            counted.refused = not limiter.take_hashed(
                counted.claim.rule,
                counted.claim.key,
                counted.claim.cost,
                now_ns,
                &counted.standing,
            )
        else:
            counted.refused = not limiter.check_hashed(
                counted.claim.rule,
                counted.claim.key,
                counted.claim.cost,
                now_ns,
                &counted.standing,
            )
        if counted.refused and not (<LimitRule>counted.rule).shadow:
            verdict.allowed = False
            verdict.wait_ns = max(verdict.wait_ns, counted.standing.retry_after_ns)
    if takes and verdict.allowed and verdict.count > 1:
        verdict.allowed = take_together(limiter, verdict, now_ns)
    return verdict.allowed


cdef bint take_together(Limiter limiter, Verdict* verdict, int64_t now_ns) noexcept:
    """Takes what was found to be there; how each stands is looked up once all is taken.

    Takes nothing where another process was faster.
    """
    cdef ClaimC[MAX_DESCRIPTORS] binding
    cdef Py_ssize_t[MAX_DESCRIPTORS] places
    cdef DecisionC[MAX_DESCRIPTORS] decisions
    cdef Counted* counted
    cdef Py_ssize_t i, refusing, bound = 0
    for i in range(verdict.count):
        counted = &verdict.counted[i]
        if not (<LimitRule>counted.rule).shadow:
            binding[bound] = counted.claim
            places[bound] = i
            bound += 1
    refusing = limiter.take_all(binding, bound, now_ns, decisions)
    if refusing >= 0:
        counted = &verdict.counted[places[refusing]]
        counted.refused = True
        counted.standing = decisions[refusing]
        verdict.wait_ns = decisions[refusing].retry_after_ns
        return False
    for i in range(verdict.count):
        counted = &verdict.counted[i]
        if (<LimitRule>counted.rule).shadow:
            limiter.take_hashed(
                counted.claim.rule, counted.claim.key, counted.claim.cost, now_ns, &decisions[0]
            )
    for i in range(verdict.count):
        counted = &verdict.counted[i]
        limiter.check_hashed(counted.claim.rule, counted.claim.key, 0, now_ns, &counted.standing)
    return True


cdef bint spend(const Request* request, Verdict* verdict) except -1:
    """Takes all of shares; false where one has not enough, and then nothing is taken."""
    cdef int64_t now_ns = share_clock()
    cdef Counted* counted
    cdef Share share
    cdef Py_ssize_t i
    if not request.cost or request.check_only or verdict.shares < verdict.count:
        return False
    for i in range(verdict.count):
        counted = &verdict.counted[i]
        if (<Share>counted.share).at_hand(now_ns) < counted.claim.cost:
            return False
    for i in range(verdict.count):
        counted = &verdict.counted[i]
        share = <Share>counted.share  # held, since who is told that little is left may drop it
        share.spend(counted.claim.cost, now_ns)
        counted.refused = False
        counted.standing.limit = counted.claim.rule.limit
        counted.standing.remaining = share.remaining + share.at_hand(now_ns)
        counted.standing.reset_after_ns = max(share.reset_at_ns - now_ns, 0)
    verdict.allowed = True
    verdict.wait_ns = 0
    return True


cdef inline Span name_of(const Counted* counted) noexcept:
    cdef bytes name = (<LimitRule>counted.rule).name_utf8
    return span_of(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))


cdef inline uint64_t shown(int64_t number) noexcept:
    return <uint64_t>min(number, <int64_t>UINT32_MAX)


cdef Py_ssize_t status_size(const Counted* counted) noexcept:
    return (
        text_size(name_of(counted).size)
        + number_size(not counted.refused)
        + number_size(<uint64_t>counted.standing.limit)
        + number_size(shown(counted.standing.remaining))
        + instant_size(counted.standing.reset_after_ns)
        + number_size((<LimitRule>counted.rule).shadow)
    )


cdef unsigned char* put_status(unsigned char* at, const Counted* counted) noexcept:
    at = put_text(at, 1, name_of(counted))
    at = put_number(at, 2, not counted.refused)
    at = put_number(at, 3, <uint64_t>counted.standing.limit)
    at = put_number(at, 4, shown(counted.standing.remaining))
    at = put_instant(at, 5, counted.standing.reset_after_ns)
    return put_number(at, 6, (<LimitRule>counted.rule).shadow)


cdef enum:
    UNMATCHED_SIZE = 4  # allowed, and a duration of 0


cdef bytes reply_of(Py_ssize_t count, const Verdict* verdict):
    """The verdict as a ConsumeResponse."""
    cdef Py_ssize_t[MAX_DESCRIPTORS] sizes
    cdef Py_ssize_t i, place
    cdef bint says_when = not verdict.allowed and verdict.wait_ns != NEVER_NS
    cdef Py_ssize_t size = number_size(verdict.allowed)
    cdef bytes reply
    cdef unsigned char* at
    for i in range(verdict.count):
        sizes[i] = status_size(&verdict.counted[i])
    for i in range(count):
        place = verdict.places[i]
        size += bytes_size(UNMATCHED_SIZE if place == UNMATCHED else sizes[place])
    if says_when:
        size += instant_size(verdict.wait_ns)
    reply = PyBytes_FromStringAndSize(NULL, size)
    at = put_number(<unsigned char*>PyBytes_AS_STRING(reply), 1, verdict.allowed)
    for i in range(count):
        place = verdict.places[i]
        if place == UNMATCHED:
            at = put_length(at, 2, UNMATCHED_SIZE)
            at = put_instant(put_number(at, 2, True), 5, 0)
        else:
            at = put_status(put_length(at, 2, sizes[place]), &verdict.counted[place])
    if says_when:
        put_instant(at, 3, verdict.wait_ns)
    return reply


@cython.final
cdef class DirectConsume(DirectHandler):
    cdef CurrentLimits limits

    def __init__(self, CurrentLimits limits not None, guards=()):
        DirectHandler.__init__(self, guards, ("domain",))
        self.limits = limits

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef Request request
        cdef Verdict verdict
        cdef Rejection rejection
        # Held, since the verdict points into its rules and a clock in Python may replace it.
        cdef LimitIndex index = self.limits.now()
        if not read_request(body, size, &request):
            return None
        if not self.is_admitted(call, &request.domain):
            rejection = self.admit_texts(call, (text_of(request.domain),))
            if rejection is not None:
                return rejection
            self.note_admitted(call, &request.domain)
        if not match(index, self.limits.limiter, &request, &verdict):
            return None
        if not verdict.shares:
            decide(self.limits.limiter, &request, &verdict)
        elif not spend(&request, &verdict):
            # The guards will be asked again; those of a method without streams take nothing.
            return None
        return reply_of(request.count, &verdict)
