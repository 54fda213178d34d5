"""The places of the processes that share a segment: who holds one is alive, by the kernel's word.

A place is one byte of a file, held by a record lock (fcntl(2), F_SETLK). The kernel drops it when
the process has ended, however it ends, and not before its last thread has left user mode: nothing
that it wrote can come later. Process numbers, which the system uses again, play no part.

Nobody but its process ever has a place's byte: others ask whether it is held (F_GETLK). Whoever
sees to what the dead have left, or takes a place, has the place's turn meanwhile, a byte of its own
behind those of the places. So a place that is seen to is never told as one whose process lives, and
none is taken while it is seen to.

The file's contents are two words for each place. The first is whom its process waits for just now,
because that one has what is held for some ten nanoseconds as a rule. A stopped process never gives
it back; so those who wait say so, and whoever started the processes ends the one that holds them up.
The second grows with each try: one that is stopped while it waits says so for ever, and is held up
by nobody.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint64_t
from libc.string cimport memset
from posix.fcntl cimport F_GETLK, F_SETLK, F_SETLKW, F_UNLCK, F_WRLCK, fcntl, flock
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap
from posix.stat cimport fstat, struct_stat
from posix.unistd cimport SEEK_SET, ftruncate

from blrcs_native.shared.process_lock cimport load, store

cdef enum:
    PLACE_BITS = 16  # of a mark; the rest says which of the process's waits it is


cdef inline flock one_byte(short kind, Py_ssize_t number) noexcept nogil:
    cdef flock wanted
    memset(&wanted, 0, sizeof(wanted))
    wanted.l_type = kind
    wanted.l_whence = SEEK_SET
    wanted.l_start = number
    wanted.l_len = 1
    return wanted


cdef inline bint set_lock(int fd, int command, short kind, Py_ssize_t number) noexcept nogil:
    cdef flock wanted = one_byte(kind, number)
    while fcntl(fd, command, &wanted) < 0:
        if errno != EINTR:
            return False
    return True


cdef inline bint is_locked(int fd, Py_ssize_t number) noexcept nogil:
    """Whether another process has the byte; so it is too where the kernel cannot say."""
    cdef flock wanted = one_byte(F_WRLCK, number)
    return fcntl(fd, F_GETLK, &wanted) < 0 or wanted.l_type != F_UNLCK


cdef inline int holder_of(int fd, Py_ssize_t number) noexcept nogil:
    """The other process that has the byte; 0 where none has, or the kernel cannot say."""
    cdef flock wanted = one_byte(F_WRLCK, number)
    if fcntl(fd, F_GETLK, &wanted) < 0 or wanted.l_type == F_UNLCK:
        return 0
    return wanted.l_pid


@cython.final
cdef class WorkerSlots:
    """See worker_slots.pyi."""

    def __cinit__(self, int fd, Py_ssize_t count):
        if count < 1:
            raise ValueError("there is at least one place")
        self.fd = fd
        self.count = count
        self.own = -1

    def __dealloc__(self):
        if self.marks is not NULL:
            munmap(self.marks, self.count * sizeof(WaitMark))

    def take(self, number=None):
        cdef Py_ssize_t each
        if self.own >= 0:
            raise RuntimeError("this process has a place already")
        self.map_marks()
        for each in range(self.count) if number is None else (number,):
            if not 0 <= each < self.count:
                raise ValueError(f"there is no place {each}")
            if not self.await_turn(each):
                continue
            is_taken = set_lock(self.fd, F_SETLK, F_WRLCK, each)
            self.let_go(each)
            if is_taken:
                self.own = each
                self.go_on()
                return each
        raise BlockingIOError(EAGAIN, "every place is taken")

    def is_dead(self, Py_ssize_t number):
        return number != self.own and not is_locked(self.fd, number)

    def waiting(self, Py_ssize_t number):
        cdef uint64_t awaited = load(&self.mark_of(number).awaited)
        return (awaited & ((1 << PLACE_BITS) - 1), awaited >> PLACE_BITS) if awaited else None

    def tries(self, Py_ssize_t number):
        return load(&self.mark_of(number).tries)

    def holder(self, Py_ssize_t number):
        return holder_of(self.fd, number) or holder_of(self.fd, self.turn(number))

    def lead(self):
        return set_lock(self.fd, F_SETLK, F_WRLCK, self.count)

    cdef void map_marks(self) except *:
        cdef struct_stat found
        cdef size_t size_bytes = self.count * sizeof(WaitMark)
        cdef void* marks
        if self.marks is not NULL:
            return
        if fstat(self.fd, &found) or (
            found.st_size < <Py_ssize_t>size_bytes and ftruncate(self.fd, size_bytes)
        ):
            raise OSError(errno, "the places' file cannot be given its size")
        marks = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, self.fd, 0)
        if marks == MAP_FAILED:
            raise OSError(errno, "the places' file cannot be mapped")
        self.marks = <WaitMark*>marks

    cdef WaitMark* mark_of(self, Py_ssize_t number) except NULL:
        if self.own < 0:
            raise RuntimeError("this process has no place among the others yet")
        if not 0 <= number < self.count:
            raise ValueError(f"there is no place {number}")
        return &self.marks[number]

    cdef void wait_for(self, Py_ssize_t number) noexcept nogil:
        cdef WaitMark* mark = &self.marks[self.own]
        cdef uint64_t awaited = load(&mark.awaited)
        if awaited == 0 or awaited != (self.waits << PLACE_BITS | <uint64_t>number):
            self.waits += 1
            store(&mark.awaited, self.waits << PLACE_BITS | <uint64_t>number)
        store(&mark.tries, mark.tries + 1)

    cdef void go_on(self) noexcept nogil:
        store(&self.marks[self.own].awaited, 0)

    cdef bint seize(self, Py_ssize_t number) noexcept nogil:
        # The living are asked for the most: they cost one question.
        if is_locked(self.fd, number) or not set_lock(
            self.fd, F_SETLK, F_WRLCK, self.turn(number)
        ):
            return False
        return self.keep_turn_of_dead(number)

    cdef bint await_turn(self, Py_ssize_t number) except -1:
        cdef flock wanted = one_byte(F_WRLCK, self.turn(number))
        cdef int error = EINTR
        if is_locked(self.fd, number):
            return False
        while error == EINTR:
            # Whoever has the turn may wait itself: other threads go on, and signals are heard.
            with nogil:
                error = 0 if fcntl(self.fd, F_SETLKW, &wanted) >= 0 else errno
            PyErr_CheckSignals()
        return error == 0 and self.keep_turn_of_dead(number)

    cdef bint keep_turn_of_dead(self, Py_ssize_t number) noexcept nogil:
        """Whether the place is still nobody's, now that none can take it; else gives up the turn."""
        if not is_locked(self.fd, number):
            return True
        self.let_go(number)
        return False

    cdef void let_go(self, Py_ssize_t number) noexcept nogil:
        set_lock(self.fd, F_SETLK, F_UNLCK, self.turn(number))

    cdef Py_ssize_t turn(self, Py_ssize_t number) noexcept nogil:
        return self.count + 1 + number
