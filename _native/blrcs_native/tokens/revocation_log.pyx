"""The log by which processes tell each other of revocations: a ring of entries in shared memory.

An entry is written, then published by its number, one writer at a time. One who is killed before
that has said nothing, and the next writes over what it left. A reader copies an entry and looks at
its number again; one that was overtaken, because it did not read for a whole round, has to read all
from where revocations are stored. So has everyone at an entry that says so: it stands for a
revocation too long for an entry, and for those that a process that died may have stored without
saying.
"""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.errno cimport EAGAIN
from libc.stdint cimport int64_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from blrcs_native.shared.lock_waiting cimport FEW_TRIES, FOR_EVER, let_others_run
from blrcs_native.shared.process_lock cimport load, store, try_for_a_while
from blrcs_native.shared.worker_slots cimport WorkerSlots

cdef uint64_t MAGIC = 0x31474F4C5645524CULL  # "LREVLOG1" as little-endian bytes
cdef extern from *:
    """
    #define blrcs_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
    #define blrcs_release() __atomic_thread_fence(__ATOMIC_RELEASE)
    """
    void acquire "blrcs_acquire"() noexcept nogil
    void release "blrcs_release"() noexcept nogil


# Cleared as part of a cycle, it would drop its buffer without releasing it.
@cython.no_gc_clear
@cython.final
cdef class RevocationLog:
    """See revocation_log.pyi."""

    def __cinit__(self, WorkerSlots slots not None, *, buffer):
        if slots.own < 0:
            raise ValueError("this process has no place among the others yet")
        PyObject_GetBuffer(buffer, &self.view, PyBUF_WRITABLE)
        self.acquired = True
        if self.view.len < <Py_ssize_t>(sizeof(LogHeader) + sizeof(LogEntry)):
            raise ValueError(
                f"the buffer is smaller than {sizeof(LogHeader) + sizeof(LogEntry)} bytes"
            )
        if <uintptr_t>self.view.buf % sizeof(uint64_t):
            raise ValueError("the buffer is not aligned to 8 bytes")
        self.slots = slots
        self.mark = slots.own + 1
        self.header = <LogHeader*>self.view.buf
        self.entries = <LogEntry*>(self.header + 1)
        self.capacity = (<uint64_t>self.view.len - sizeof(LogHeader)) // sizeof(LogEntry)
        if self.header.magic == 0:
            self.header.magic = MAGIC
        elif self.header.magic != MAGIC:
            raise ValueError("the buffer holds something else than a log of this version")
        if load(&self.header.owner) == self.mark:
            # Who had the place before died with the lock; what it had not published has not been.
            store(&self.header.owner, 0)

    def __dealloc__(self):
        if self.acquired:
            PyBuffer_Release(&self.view)

    @staticmethod
    def size_bytes_for(Py_ssize_t entries):
        return sizeof(LogHeader) + entries * sizeof(LogEntry)

    def ask_to_reload(self, *, bint wait=True):
        self.slots.go_on()
        if not self._lock(FOR_EVER if wait else FEW_TRIES):
            raise BlockingIOError(EAGAIN, "another process writes to the log")
        self._append(0, "", 0, "", 0, 0, 0)

    cdef bint read(self, uint64_t sequence, LogEntry* out) noexcept nogil:
        """Copies a published entry; False where it has been written over."""
        cdef LogEntry* entry = &self.entries[sequence % self.capacity]
        if load(&entry.sequence) != sequence:
            return False
        memcpy(out, entry, sizeof(LogEntry))
        acquire()
        # What others wrote must not lead out of the entry.
        return (
            load(&entry.sequence) == sequence
            and out.issuer_bytes <= TEXT_BYTES and out.id_bytes <= TEXT_BYTES - out.issuer_bytes
        )

    cdef void append(
        self, uint64_t kind, const char* issuer, Py_ssize_t issuer_bytes, const char* id,
        Py_ssize_t id_bytes, int64_t instant_ns, int64_t expires_at_ns
    ) noexcept nogil:
        if issuer_bytes + id_bytes > TEXT_BYTES:
            kind = 0
            issuer_bytes = id_bytes = 0
        self._lock(FOR_EVER)
        self._append(kind, issuer, issuer_bytes, id, id_bytes, instant_ns, expires_at_ns)

    cdef void _append(
        self, uint64_t kind, const char* issuer, Py_ssize_t issuer_bytes, const char* id,
        Py_ssize_t id_bytes, int64_t instant_ns, int64_t expires_at_ns
    ) noexcept nogil:
        """Writes what fits and gives the lock back."""
        cdef uint64_t sequence
        cdef LogEntry* entry
        sequence = self.header.published + 1
        entry = &self.entries[sequence % self.capacity]
        store(&entry.sequence, 0)
        release()
        entry.kind = kind
        entry.instant_ns = instant_ns
        entry.expires_at_ns = expires_at_ns
        entry.issuer_bytes = issuer_bytes
        entry.id_bytes = id_bytes
        memcpy(entry.text, issuer, issuer_bytes)
        memcpy(entry.text + issuer_bytes, id, id_bytes)
        store(&entry.sequence, sequence)
        store(&self.header.published, sequence)
        store(&self.header.owner, 0)

    cdef bint _lock(self, int64_t tries) noexcept nogil:
        """False once so many tries are over; it goes on telling then for whom it waits."""
        cdef uint64_t* word = &self.header.owner
        cdef uint64_t owner, times = 0
        while not try_for_a_while(word, self.mark):
            owner = load(word)
            if owner == 0:
                continue
            if owner != self.mark and owner <= <uint64_t>self.slots.count:
                if self.slots.seize(owner - 1):
                    # Another may have been here before, and the lock be somebody else's by now.
                    if load(word) == owner:
                        store(word, 0)
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
