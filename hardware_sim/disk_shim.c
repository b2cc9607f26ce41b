/* A disk that fails or is slow, put before libc's calls by LD_PRELOAD: writes, syncs and allocations of files below
 * one folder. What is to fail stands in a control file that is mapped, so it can be changed while the process runs,
 * and is read by disk_shim.py, which knows the same layout. No locks; everything else goes straight through. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE, SYNC, ALLOCATE, KINDS };

typedef struct {
    int64_t fault, from, times, delay_us; /* errno; from the how-manieth call on, 0 never; how often, 0 for ever */
    int64_t seen, failed;
} kind;

typedef struct {
    kind of[KINDS];
    int64_t bytes_per_second; /* 0: as fast as it goes */
    char folder[4096];
} control;

static control *shared;

__attribute__((constructor)) static void look_for_control(void)
{
    const char *path = getenv("RIGD_DISK_SHIM");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    shared = map == MAP_FAILED ? NULL : map;
    close(fd);
}

static int is_below(int fd)
{
    char link[64], path[4096];
    if (shared == NULL)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    size_t length = strlen(shared->folder);
    if (n < (ssize_t)length)
        return 0;
    path[n] = '\0';
    return length > 0 && memcmp(path, shared->folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static void wait_us(int64_t us)
{
    if (us > 0)
        nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* 0, or the errno with which this call fails. */
static int fault_of(int which, int fd, int64_t bytes)
{
    if (!is_below(fd))
        return 0;
    kind *k = &shared->of[which];
    int64_t number = __atomic_add_fetch(&k->seen, 1, __ATOMIC_SEQ_CST), rate = shared->bytes_per_second;
    wait_us(k->delay_us + (rate > 0 ? bytes * 1000000 / rate : 0));
    if (k->from == 0 || number < k->from || (k->times > 0 && number >= k->from + k->times))
        return 0;
    __atomic_add_fetch(&k->failed, 1, __ATOMIC_SEQ_CST);
    return (int)k->fault;
}

static int64_t bytes_of(const struct iovec *parts, int count)
{
    int64_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += (int64_t)parts[i].iov_len;
    return bytes;
}

/* A call that fails, or the one behind it. */
#define BEHIND(result, name, which, bytes, types, values)     \
    do {                                                      \
        static result(*behind) types;                         \
        int fault = fault_of(which, fd, (int64_t)(bytes));    \
        if (fault != 0) {                                     \
            errno = fault;                                    \
            return -1;                                        \
        }                                                     \
        if (behind == NULL)                                   \
            *(void **)&behind = dlsym(RTLD_NEXT, name);       \
        return behind values;                                 \
    } while (0)

ssize_t write(int fd, const void *from, size_t n)
{
    BEHIND(ssize_t, "write", WRITE, n, (int, const void *, size_t), (fd, from, n));
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    BEHIND(ssize_t, "pwrite", WRITE, n, (int, const void *, size_t, off_t), (fd, from, n, at));
}

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at)
{
    BEHIND(ssize_t, "pwrite64", WRITE, n, (int, const void *, size_t, off64_t), (fd, from, n, at));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    BEHIND(ssize_t, "writev", WRITE, bytes_of(parts, count), (int, const struct iovec *, int), (fd, parts, count));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    BEHIND(ssize_t, "pwritev", WRITE, bytes_of(parts, count), (int, const struct iovec *, int, off_t),
           (fd, parts, count, at));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    BEHIND(ssize_t, "pwritev64", WRITE, bytes_of(parts, count), (int, const struct iovec *, int, off64_t),
           (fd, parts, count, at));
}

int fsync(int fd) { BEHIND(int, "fsync", SYNC, 0, (int), (fd)); }

int fdatasync(int fd) { BEHIND(int, "fdatasync", SYNC, 0, (int), (fd)); }

int syncfs(int fd) { BEHIND(int, "syncfs", SYNC, 0, (int), (fd)); }

int fallocate(int fd, int mode, off_t at, off_t n)
{
    BEHIND(int, "fallocate", ALLOCATE, 0, (int, int, off_t, off_t), (fd, mode, at, n));
}

int fallocate64(int fd, int mode, off64_t at, off64_t n)
{
    BEHIND(int, "fallocate64", ALLOCATE, 0, (int, int, off64_t, off64_t), (fd, mode, at, n));
}
