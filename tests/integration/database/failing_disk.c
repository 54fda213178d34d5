/* Stands before the C library's calls by which SQLite reaches the disk, and fails one of them: the
 * n-th write or the n-th sync after disk_fail(). Loaded by LD_PRELOAD. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int writes_left = -1, syncs_left = -1, failure = 0, count = 0;

/* Fails the write or sync after so many others; -1 fails none. */
void disk_fail(int write, int sync, int error) {
    failure = error;
    count = 0;
    writes_left = write;
    syncs_left = sync;
}

int disk_failures(void) { return count; }

static int fails(atomic_int *left) {
    if (*left < 0 || (*left)-- != 0) return 0;
    count++;
    errno = failure;
    return 1;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    return fails(&writes_left) ? -1 : real(fd, data, size, offset);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    return fails(&syncs_left) ? -1 : real(fd);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    return fails(&syncs_left) ? -1 : real(fd);
}
