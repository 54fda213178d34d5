"""A lock between processes: a word that holds its owner's place plus 1, and 0 while it is free.

One step takes it and says whose it is, so that a process killed at any instruction leaves no lock
of nobody. Whoever waits for one asks WorkerSlots whether its owner lives.
"""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #include <sched.h>
    #include <stdint.h>
    static inline int blrcs_try_lock(uint64_t *word, uint64_t mark) {
        uint64_t free_word = 0;
        return __atomic_compare_exchange_n(
            word, &free_word, mark, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    }
    static inline void blrcs_store(uint64_t *word, uint64_t value) {
        __atomic_store_n(word, value, __ATOMIC_RELEASE);
    }
    static inline uint64_t blrcs_load(const uint64_t *word) {
        return __atomic_load_n(word, __ATOMIC_ACQUIRE);
    }
    static inline void blrcs_pause(void) {
    #if defined(__x86_64__)
        __builtin_ia32_pause();
    #elif defined(__aarch64__)
        __asm__ __volatile__("yield");
    #endif
    }
    """
    bint try_lock "blrcs_try_lock"(uint64_t* word, uint64_t mark) noexcept nogil
    void store "blrcs_store"(uint64_t* word, uint64_t value) noexcept nogil
    uint64_t load "blrcs_load"(const uint64_t* word) noexcept nogil
    void pause "blrcs_pause"() noexcept nogil
    int sched_yield() noexcept nogil

cdef enum:
    SPINS = 200


cdef inline bint try_for_a_while(uint64_t* word, uint64_t mark) noexcept nogil:
    """Takes the lock as soon as it is free; False if that took longer than its owners need."""
    cdef int spin
    for spin in range(SPINS):
        if load(word) == 0 and try_lock(word, mark):
            return True
        pause()
    return False
