/* Counts how often each edge of the native code is passed, in the manner of AFL.
 *
 * GCC calls __sanitizer_cov_trace_pc at each block of what is compiled with
 * -fsanitize-coverage=trace-pc. An edge is two blocks that follow each other. Two edges may share a
 * place; then one of them may go unnoticed.
 */
#include <stdint.h>
#include <string.h>

enum { PLACE_BITS = 17, PLACES = 1 << PLACE_BITS };

static uint8_t counts[PLACES];
static uint8_t known[PLACES];
static __thread uint64_t previous;

void __sanitizer_cov_trace_pc(void)
{
    uint64_t block = (uint64_t)__builtin_return_address(0) * 0x9E3779B97F4A7C15u;
    uint8_t *count = &counts[(block ^ previous) >> (64 - PLACE_BITS)];

    *count += *count < UINT8_MAX;
    previous = block >> 1;
}

void coverage_begin(void)
{
    memset(counts, 0, sizeof counts);
    previous = 0;
}

/* A bit for each of the ranges 1, 2, 3, 4-7, 8-15, 16-31, 32-127, 128 and more. */
static uint8_t range_of(uint8_t count)
{
    if (count < 4)
        return (uint8_t)(1u << (count - 1));
    if (count < 32)
        return count < 8 ? 8 : count < 16 ? 16 : 32;
    return count < 128 ? 64 : 128;
}

/* How many edges were passed since the beginning as often as never before. */
int coverage_gained(void)
{
    int gained = 0;

    for (size_t at = 0; at < PLACES; at += sizeof(uint64_t)) {
        uint64_t eight;

        memcpy(&eight, counts + at, sizeof eight);
        if (!eight)
            continue;
        for (size_t place = at; place < at + sizeof eight; place++) {
            uint8_t range = counts[place] ? range_of(counts[place]) : 0;

            gained += (range & ~known[place]) != 0;
            known[place] |= range;
        }
    }
    return gained;
}

/* How many edges have been passed in all. */
int coverage_edges(void)
{
    int edges = 0;

    for (size_t place = 0; place < PLACES; place++)
        edges += known[place] != 0;
    return edges;
}
