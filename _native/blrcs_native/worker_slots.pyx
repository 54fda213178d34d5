"""The places of the processes that share a segment: who holds one is alive, by the kernel's word.

A place is one byte of a file, held by a record lock (fcntl(2), F_SETLK). The kernel drops it when
the process has ended, however it ends, and not before its last thread has left user mode: nothing
that it wrote can come later. Process numbers, which the system uses again, play no part.
"""

from libc.errno cimport EAGAIN, EINTR, EACCES, errno
from libc.string cimport memset
from posix.fcntl cimport F_SETLK, F_UNLCK, F_WRLCK, fcntl, flock
from posix.unistd cimport SEEK_SET

cimport cython


cdef inline int set_lock(int fd, short kind, Py_ssize_t number) noexcept nogil:
    cdef flock wanted
    memset(&wanted, 0, sizeof(wanted))
    wanted.l_type = kind
    wanted.l_whence = SEEK_SET
    wanted.l_start = number
    wanted.l_len = 1
    while fcntl(fd, F_SETLK, &wanted) < 0:
        if errno != EINTR:
            return errno
    return 0


@cython.final
cdef class WorkerSlots:
    """See worker_slots.pyi."""

    def __cinit__(self, int fd, Py_ssize_t count):
        if count < 1:
            raise ValueError("there is at least one place")
        self.fd = fd
        self.count = count
        self.own = -1

    def take(self, number=None):
        cdef Py_ssize_t each
        if self.own >= 0:
            raise RuntimeError("this process has a place already")
        for each in range(self.count) if number is None else (number,):
            if not 0 <= each < self.count:
                raise ValueError(f"there is no place {each}")
            if self.seize(each):
                self.own = each
                return each
        raise BlockingIOError(EAGAIN, "every place is taken")

    def is_dead(self, Py_ssize_t number):
        if number == self.own or not self.seize(number):
            return False
        self.let_go(number)
        return True

    def lead(self):
        return self.seize(self.count)

    cdef bint seize(self, Py_ssize_t number) noexcept nogil:
        """Takes a place that no living process has; the process's own it gets again."""
        return set_lock(self.fd, F_WRLCK, number) == 0

    cdef void let_go(self, Py_ssize_t number) noexcept nogil:
        set_lock(self.fd, F_UNLCK, number)
