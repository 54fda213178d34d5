"""What lets several processes use one limit table: locks, journals, and the places of running calls.

The block's layout, all in the machine's byte order:

    SharingHeader   64 bytes
    Stripe          64 bytes, STRIPES of them: the lock of every STRIPES-th bucket
    Journal         one for each process: what the cells were that its operation under way changes
    Place           64 bytes, ``places_each`` for each process: what its running calls hold

A process that is killed at any instruction leaves the table right. Before an operation changes a
cell it notes what the cell was; setting the journal's count to 0 is the one instant at which all
that the operation does comes about. Whoever finds a lock whose owner is dead (WorkerSlots), puts
back what the owner's journal holds and takes the lock away: the operation has not been. Doing so
twice, or half and then again from the start, comes to the same, so that whoever recovers may be
killed too. The lock is a word that holds the owner's number plus 1, so that no instant lies between
having the lock and saying so.

A stack takes its locks in ascending order. Locks are held for tens of nanoseconds, so who waits
spins, then lets others run.
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.errno cimport EAGAIN
from libc.stdint cimport int64_t, uint64_t, uintptr_t

from blrcs_native.limits.algorithm cimport CONCURRENCY, MAX_CLOCK_NS, RuleC
from blrcs_native.limits.cell cimport release_in
from blrcs_native.limits.table cimport OF_CELL, OF_PLACE, MAX_UNDO, Journal, LimitTable, Undo, publish
from blrcs_native.shared.lock_waiting cimport FEW_TRIES, FOR_EVER, let_others_run
from blrcs_native.shared.process_lock cimport load, store, try_for_a_while, try_lock
from blrcs_native.shared.worker_slots cimport WorkerSlots
from blrcs_native.siphash cimport Hash128

cdef uint64_t MAGIC = 0x3148535449_4D4C42ULL  # "BLMITSH1" as little-endian bytes
cdef enum:
    STRIPES = 1024
    MAX_SLOTS = 4096


cdef Py_ssize_t block_bytes(Py_ssize_t slots, Py_ssize_t places) noexcept:
    return (
        sizeof(SharingHeader) + STRIPES * sizeof(Stripe)
        + slots * (sizeof(Journal) + places * sizeof(Place))
    )


cdef inline void sort(uint64_t* numbers, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef uint64_t number
    for i in range(1, count):
        number = numbers[i]
        j = i
        while j and numbers[j - 1] > number:
            numbers[j] = numbers[j - 1]
            j -= 1
        numbers[j] = number


# Cleared as part of a cycle, it would drop its buffer without releasing it.
@cython.no_gc_clear
@cython.final
cdef class LimitSharing:
    """See limits/sharing.pyi."""

    def __cinit__(self, WorkerSlots slots not None, *, buffer, places=None):
        cdef SharingHeader* header
        cdef Py_ssize_t places_each = 0 if places is None else places
        if slots.own < 0:
            raise ValueError("this process has no place among the others yet")
        if not 0 <= places_each <= 1 << 30 or slots.count > MAX_SLOTS:
            raise ValueError("there are too many places")
        PyObject_GetBuffer(buffer, &self.view, PyBUF_WRITABLE)
        self.acquired = True
        if <uintptr_t>self.view.buf % sizeof(uint64_t):
            raise ValueError("the buffer is not aligned to 8 bytes")
        header = <SharingHeader*>self.view.buf
        if places is None and self.view.len >= <Py_ssize_t>sizeof(SharingHeader):
            places_each = min(header.places_each, 1 << 30)
        if self.view.len < block_bytes(slots.count, places_each):
            raise ValueError(
                f"the buffer is smaller than {block_bytes(slots.count, places_each)} bytes"
            )
        if header.magic == 0:
            header.slot_count = slots.count
            header.places_each = places_each
            header.magic = MAGIC
        elif (
            header.magic != MAGIC or header.slot_count != <uint64_t>slots.count
            or header.places_each != <uint64_t>places_each
        ):
            raise ValueError("the buffer was made for another number of processes or places")
        self.slots = slots
        self.places_each = places_each
        self.mark = slots.own + 1
        self.stripes = <Stripe*>(<uintptr_t>header + sizeof(SharingHeader))
        self.journals = <Journal*>(self.stripes + STRIPES)
        self.places = <Place*>(self.journals + slots.count)

    def __dealloc__(self):
        PyMem_RawFree(self.free_places)
        if self.acquired:
            PyBuffer_Release(&self.view)

    @staticmethod
    def size_bytes_for(Py_ssize_t slots, Py_ssize_t places):
        return block_bytes(slots, places)

    def recover(self, Py_ssize_t slot, *, bint wait=True):
        cdef int64_t given_back
        cdef bint has_turn
        if self.table is None:
            raise RuntimeError("no limiter uses it yet")
        if not 0 <= slot < self.slots.count:
            raise ValueError(f"there is no place {slot}")
        if slot == self.slots.own:
            return None
        self.slots.go_on()
        has_turn = self.slots.await_turn(slot) if wait else self.slots.seize(slot)
        if not has_turn:
            if wait or not self.slots.is_dead(slot):
                return None
            self.slots.wait_for(slot)
            raise BlockingIOError(EAGAIN, f"another process sees to place {slot}")
        try:
            self.undo(slot)
            given_back = self.give_back_places(slot, FOR_EVER if wait else FEW_TRIES)
        finally:
            self.slots.let_go(slot)
        if given_back < 0:
            raise BlockingIOError(EAGAIN, f"what place {slot} held is locked by another process")
        return given_back

    cdef int join(self, LimitTable table) except -1:
        """Lets the table be used; what an earlier holder of this process's place left is recovered."""
        cdef Py_ssize_t index
        cdef uint64_t own = self.slots.own
        if self.table is not None:
            raise ValueError("another limiter has it already")
        self.free_places = <uint64_t*>PyMem_RawMalloc((self.places_each or 1) * sizeof(uint64_t))
        if self.free_places is NULL:
            raise MemoryError
        self.table = table
        table.journal = &self.journals[own]
        self.undo(own)
        self.give_back_places(own, FOR_EVER)
        for index in range(self.places_each):
            # From 1 on, in all processes together; the first is handed out first.
            self.free_places[index] = (own + 1) * <uint64_t>self.places_each - index
        self.free_count = self.places_each
        return 0

    cdef int64_t enter(self, Hash128 print, int64_t now_ns) noexcept nogil:
        """Locks a key's cell; the latest time seen under its lock, this one included."""
        cdef uint64_t stripe = self.table.bucket_number(print) % STRIPES
        return self.enter_all(&stripe, 1, now_ns)

    cdef void leave(self, Hash128 print) noexcept nogil:
        """Makes what was done since ``enter`` come about, and unlocks."""
        cdef uint64_t stripe = self.table.bucket_number(print) % STRIPES
        self.leave_all(&stripe, 1)

    cdef Py_ssize_t stripes_of(
        self, const Hash128* prints, Py_ssize_t count, uint64_t* stripes
    ) noexcept nogil:
        """The locks of some keys' cells, each once and in ascending order; how many."""
        cdef Py_ssize_t i, last = 0
        for i in range(count):
            stripes[i] = self.table.bucket_number(prints[i]) % STRIPES
        sort(stripes, count)
        for i in range(1, count):
            if stripes[i] != stripes[last]:
                last += 1
                stripes[last] = stripes[i]
        return last + 1

    cdef int64_t enter_all(
        self, const uint64_t* stripes, Py_ssize_t count, int64_t now_ns
    ) noexcept nogil:
        cdef Py_ssize_t i
        now_ns = min(now_ns, MAX_CLOCK_NS)
        for i in range(count):
            self.lock(stripes[i])
            now_ns = max(now_ns, self.stripes[stripes[i]].last_seen_ns)
        for i in range(count):
            self.stripes[stripes[i]].last_seen_ns = now_ns
        return now_ns

    cdef void leave_all(self, const uint64_t* stripes, Py_ssize_t count) noexcept nogil:
        cdef Py_ssize_t i
        publish(&self.table.journal.count, 0)
        for i in range(count):
            store(&self.stripes[stripes[i]].owner, 0)

    cdef uint64_t occupy(self, const RuleC* rule, Hash128 print, int64_t lease) noexcept nogil:
        """Writes down one place that a running call takes, between enter and leave."""
        cdef uint64_t number
        cdef Place* place
        if not self.free_count:
            return 0  # it lapses with the rule's period, as all do whose holder is gone
        self.free_count -= 1
        number = self.free_places[self.free_count]
        place = &self.places[number - 1]
        note_place(self, number)
        place.print_low = print.low
        place.print_high = print.high
        place.limit = rule.limit
        place.period_ns = rule.period_ns
        place.lease = lease
        place.used = 1
        return number

    cdef void vacate(self, uint64_t place) noexcept nogil:
        note_place(self, place)
        self.places[place - 1].used = 0

    cdef void forget(self, uint64_t place) noexcept nogil:
        self.free_places[self.free_count] = place
        self.free_count += 1

    cdef int64_t last_seen_ns(self) noexcept nogil:
        """The latest time seen under any lock."""
        cdef int64_t latest = 0
        cdef Py_ssize_t number
        for number in range(STRIPES):
            latest = max(latest, self.stripes[number].last_seen_ns)
        return latest

    cdef void lock(self, uint64_t stripe) noexcept nogil:
        if not try_lock(&self.stripes[stripe].owner, self.mark):
            self.wait_for(stripe, FOR_EVER)

    cdef bint wait_for(self, uint64_t stripe, int64_t tries) noexcept nogil:
        """Locks what somebody holds, and recovers from the dead if it is one of them.

        False once so many tries are over; it goes on telling then for whom it waits.
        """
        cdef uint64_t* word = &self.stripes[stripe].owner
        cdef uint64_t owner, times = 0
        while not try_for_a_while(word, self.mark):
            owner = load(word)
            if owner == 0 or owner == self.mark or owner > <uint64_t>self.slots.count:
                continue
            if self.slots.seize(owner - 1):
                # Only the locks: to give back its places would want others.
                self.undo(owner - 1)
                self.slots.let_go(owner - 1)
                continue
            self.slots.wait_for(owner - 1)
            times += 1
            if times == <uint64_t>tries:
                return False
            let_others_run(times)
        if times:
            self.slots.go_on()
        return True

    cdef void undo(self, uint64_t slot) noexcept nogil:
        """Undoes what a dead process had begun, and takes its locks away. The turn is held."""
        cdef Journal* journal = &self.journals[slot]
        cdef Py_ssize_t number
        cdef Undo* entry
        # Backwards, so that of two notes of one cell the first has the last word.
        while 0 < journal.count <= MAX_UNDO:
            entry = &journal.entries[journal.count - 1]
            if entry.kind == OF_CELL:
                self.table.put_back(entry)
            elif entry.number - 1 < <uint64_t>(self.slots.count * self.places_each):
                self.places[entry.number - 1].used = entry.used
            publish(&journal.count, journal.count - 1)
        publish(&journal.count, 0)  # what others wrote into it must not lead out of it later
        for number in range(STRIPES):
            if load(&self.stripes[number].owner) == slot + 1:
                store(&self.stripes[number].owner, 0)

    cdef int64_t give_back_places(self, uint64_t slot, int64_t tries) noexcept nogil:
        """Releases what a dead process's calls held; how many places. The turn is held.

        -1 where a lock was not had in so many tries; what is left may be given back later.
        """
        cdef Py_ssize_t index
        cdef uint64_t number, stripe
        cdef int64_t given_back = 0
        cdef Place* place
        cdef Hash128 print
        cdef RuleC rule
        cdef int64_t now_ns
        for index in range(self.places_each):
            number = slot * <uint64_t>self.places_each + index + 1
            place = &self.places[number - 1]
            if not place.used:
                continue
            rule.algorithm = CONCURRENCY
            # At least 1 and 0: what others wrote into the block must not divide by nothing.
            rule.limit = rule.burst = max(place.limit, 1)
            rule.period_ns = max(place.period_ns, 1)
            print.low = place.print_low
            print.high = place.print_high
            stripe = self.table.bucket_number(print) % STRIPES
            if not self.wait_for(stripe, tries):
                return -1
            now_ns = max(0, self.stripes[stripe].last_seen_ns)
            release_in(self.table, &rule, print, 1, place.lease, now_ns)
            self.vacate(number)
            self.leave_all(&stripe, 1)
            given_back += 1
        return given_back


cdef void note_place(LimitSharing sharing, uint64_t number) noexcept nogil:
    cdef Journal* journal = sharing.table.journal
    cdef Undo* undo = &journal.entries[journal.count]
    undo.kind = OF_PLACE
    undo.number = number
    undo.used = sharing.places[number - 1].used
    publish(&journal.count, journal.count + 1)
