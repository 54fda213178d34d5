"""Memory for nghttp2 and for streams: small blocks that are freed are kept for the next call.

A call takes and gives back ten of them, in bursts that glibc's caches of threads are too small for. All
sessions share the pool; whoever takes or gives back holds the interpreter's lock.
"""

from libc.stdint cimport SIZE_MAX
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from blrcs_native.http2.nghttp2 cimport nghttp2_mem

cdef extern from *:
    """
    /* What is kept would hide from the sanitizer that it is used after it was freed. */
    #if defined(__SANITIZE_ADDRESS__)
    #define MOST_KEPT_BLOCKS 0
    #else
    #define MOST_KEPT_BLOCKS 256
    #endif
    """
    size_t MOST_KEPT_BLOCKS

cdef enum:
    # As much as malloc aligns to.
    PREFIX_BYTES = 16
    STEP_BITS = 5
    # The largest block that is kept has so many steps, less one.
    STEPS = 18


cdef struct Block:
    # How much can be used of it, and the next one while it is kept.
    size_t room
    Block* following


cdef Block* KEPT[STEPS]
cdef size_t KEPT_COUNTS[STEPS]


cdef void* take(size_t size, void* user_data) noexcept nogil:
    cdef size_t step = (size + PREFIX_BYTES + (1 << STEP_BITS) - 1) >> STEP_BITS
    cdef Block* block
    if step < STEPS:
        block = KEPT[step]
        if block != NULL:
            KEPT[step] = block.following
            KEPT_COUNTS[step] -= 1
            return <char*>block + PREFIX_BYTES
        size = (step << STEP_BITS) - PREFIX_BYTES
    elif size > SIZE_MAX - PREFIX_BYTES:
        return NULL
    block = <Block*>malloc(size + PREFIX_BYTES)
    if block == NULL:
        return NULL
    block.room = size
    return <char*>block + PREFIX_BYTES


cdef void give_back(void* memory, void* user_data) noexcept nogil:
    cdef Block* block
    cdef size_t step
    if memory == NULL:
        return
    block = <Block*>(<char*>memory - PREFIX_BYTES)
    step = (block.room + PREFIX_BYTES) >> STEP_BITS
    if step < STEPS and KEPT_COUNTS[step] < MOST_KEPT_BLOCKS:
        block.following = KEPT[step]
        KEPT[step] = block
        KEPT_COUNTS[step] += 1
    else:
        free(block)


cdef void* take_zeroed(size_t count, size_t size, void* user_data) noexcept:
    cdef void* memory
    if size > 0 and count > SIZE_MAX // size:
        return NULL
    memory = take(count * size, user_data)
    if memory != NULL:
        memset(memory, 0, count * size)
    return memory


cdef void* take_more(void* memory, size_t size, void* user_data) noexcept nogil:
    cdef Block* block
    cdef size_t room
    cdef void* larger
    if memory == NULL:
        return take(size, user_data)
    block = <Block*>(<char*>memory - PREFIX_BYTES)
    room = block.room
    if size <= room:
        return memory
    if (room + PREFIX_BYTES) >> STEP_BITS >= STEPS and size <= SIZE_MAX - PREFIX_BYTES:
        # The kernel moves pages, and no octets, where they are many.
        block = <Block*>realloc(block, size + PREFIX_BYTES)
        if block == NULL:
            return NULL
        block.room = size
        return <char*>block + PREFIX_BYTES
    larger = take(size, user_data)
    if larger != NULL:
        memcpy(larger, memory, room)
        give_back(memory, user_data)
    return larger


cdef nghttp2_mem MEMORY
MEMORY.mem_user_data = NULL
MEMORY.malloc = take
MEMORY.free = give_back
MEMORY.calloc = take_zeroed
MEMORY.realloc = take_more


cdef nghttp2_mem* session_memory() noexcept:
    return &MEMORY
