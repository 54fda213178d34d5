/* Has writes and syncs of files fail, for programs that it is loaded into by LD_PRELOAD.
 *
 *   FAULTS_BELOW   only files whose path begins with this
 *   FAULTS_PLAN    a file that says what fails, once it is there: three numbers, "NTH ERRNO TIMES".
 *                  From then on operations are counted: the NTH fails, and those behind it, TIMES of
 *                  them in all. What fails has had no effect. When the file is gone, nothing fails
 *                  any more, until there is another one.
 *
 * Counted are write, pwrite, writev, pwritev, fsync, fdatasync and ftruncate.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long remaining = -1; /* operations until the first that fails; -1: no plan yet */
static long times;
static int error_number;

static void look_for_plan(void)
{
    const char *path = getenv("FAULTS_PLAN");
    FILE *plan = path ? fopen(path, "re") : NULL;
    if (plan == NULL)
        return;
    long nth;
    if (fscanf(plan, "%ld %d %ld", &nth, &error_number, &times) == 3)
        remaining = nth - 1;
    fclose(plan);
}

static int has_plan(void)
{
    const char *path = getenv("FAULTS_PLAN");
    return path != NULL && access(path, F_OK) == 0;
}

static int is_meant(int descriptor)
{
    const char *below = getenv("FAULTS_BELOW");
    char link[64], path[PATH_MAX];
    if (below == NULL)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return strncmp(path, below, strlen(below)) == 0;
}

static int fails(int descriptor)
{
    int saved = errno, failed = 0;
    if (is_meant(descriptor)) {
        pthread_mutex_lock(&lock);
        if (remaining >= 0 && !has_plan())
            remaining = -1;
        if (remaining < 0)
            look_for_plan();
        if (remaining > 0)
            remaining--;
        else if (remaining == 0 && times > 0) {
            times--;
            failed = 1;
        }
        pthread_mutex_unlock(&lock);
    }
    errno = failed ? error_number : saved;
    return failed;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    return fails(descriptor) ? -1 : REAL(write)(descriptor, bytes, size);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset)
{
    return fails(descriptor) ? -1 : REAL(pwrite)(descriptor, bytes, size, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t size, off64_t offset)
{
    return fails(descriptor) ? -1 : REAL(pwrite64)(descriptor, bytes, size, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    return fails(descriptor) ? -1 : REAL(writev)(descriptor, parts, count);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset)
{
    return fails(descriptor) ? -1 : REAL(pwritev)(descriptor, parts, count, offset);
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset)
{
    return fails(descriptor) ? -1 : REAL(pwritev64)(descriptor, parts, count, offset);
}

int fsync(int descriptor)
{
    return fails(descriptor) ? -1 : REAL(fsync)(descriptor);
}

int fdatasync(int descriptor)
{
    return fails(descriptor) ? -1 : REAL(fdatasync)(descriptor);
}

int ftruncate(int descriptor, off_t size)
{
    return fails(descriptor) ? -1 : REAL(ftruncate)(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size)
{
    return fails(descriptor) ? -1 : REAL(ftruncate64)(descriptor, size);
}
