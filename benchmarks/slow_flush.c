/* Has every flush of a file take longer, as a slower disk does.

   Loaded by LD_PRELOAD; BENCH_FLUSH_US says by how many microseconds. The disk's own flush is made
   as well, so that nothing is less durable. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_longer(void) {
    const char *text = getenv("BENCH_FLUSH_US");
    long us = text == NULL ? 0 : atol(text);
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&left, &left) != 0) {
    }
}

static int flush_by(const char *name, int descriptor) {
    int (*flush)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = flush(descriptor);
    wait_longer();
    return result;
}

int fsync(int descriptor) { return flush_by("fsync", descriptor); }

int fdatasync(int descriptor) { return flush_by("fdatasync", descriptor); }
