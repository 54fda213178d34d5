"""What one process may take of a limit that many count together. See limits/share.pyi."""

cimport cython
from libc.stdint cimport int64_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec


cdef int64_t share_clock() noexcept nogil:
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return <int64_t>time.tv_sec * 1_000_000_000 + time.tv_nsec


@cython.final
cdef class Share:
    def __init__(self, on_low not None):
        self.on_low = on_low

    cdef int64_t at_hand(self, int64_t now_ns) noexcept:
        if self.ends_ns <= now_ns or self.left == 0:
            self.left = self.next_left
            self.ends_ns = self.next_ends_ns
            self.next_left = 0
            if self.ends_ns <= now_ns:
                self.left = 0
        if self.next_ends_ns <= now_ns:
            self.next_left = 0
        return self.left + self.next_left

    cdef bint spend(self, int64_t cost, int64_t now_ns) except -1:
        cdef int64_t kept = self.at_hand(now_ns) - cost
        if kept < 0:
            return False
        if self.left >= cost:
            self.left -= cost
        else:
            self.next_left = kept
            self.left = 0
        self.spent += cost
        if kept < self.low:
            self.low = 0
            self.on_low(self)
        return True

    def has(self, int64_t cost, int64_t now_ns):
        return self.at_hand(now_ns) >= cost

    def take(self, int64_t cost, int64_t now_ns):
        return self.spend(cost, now_ns)

    def take_up_to(self, int64_t cost, int64_t now_ns):
        cdef int64_t taken = min(self.at_hand(now_ns), cost)
        self.low = 0
        self.spend(taken, now_ns)
        return taken

    def note(self, int64_t cost):
        self.spent += cost

    def put(self, int64_t amount, int64_t ends_ns, int64_t now_ns, *, int64_t low=0):
        self.at_hand(now_ns)
        self.low = low
        if amount <= 0:
            return
        if self.left == 0:
            self.left = amount
            self.ends_ns = ends_ns
        elif self.next_left == 0:
            self.next_left = amount
            self.next_ends_ns = ends_ns
        else:
            self.next_left += amount
            self.next_ends_ns = min(self.next_ends_ns, ends_ns)

    def drop(self):
        self.left = 0
        self.next_left = 0

    @property
    def ends_at_ns(self):
        return self.ends_ns

    def left_at(self, int64_t now_ns):
        return self.at_hand(now_ns)
