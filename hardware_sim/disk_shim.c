/* A disk that fails or is slow, put before libc's calls by LD_PRELOAD: writes, syncs and allocations of files below
 * one folder. What is to fail stands in a control file that is mapped, so it can be changed while the process runs,
 * and is read by disk_shim.py, which knows the same layout. Everything else goes straight through.
 *
 * A sync that fails loses what was written since the last good one, as the kernel does when a page cannot be written
 * back: the page is marked clean, the error is told once, and the next sync succeeds. So each write is remembered with
 * what stood there before, and a failing sync puts that back (behind the old end: zeros); the length stays. A file that
 * is synced again after its own sync, or one of its volume while it was dirty, has failed is counted as retried; a
 * later syncfs is of the volume and counts for no file. Only files that this process has open are gone over.
 * One lock round what is remembered, never taken for files elsewhere. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
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
    int64_t lost_bytes;       /* by syncs that failed */
    int64_t retried;          /* syncs of a file after one that failed */
    char ending[64];          /* only files whose names end so */
    char folder[4096];
} control;

typedef struct { /* One write: `had` bytes of `before` stood there, and nothing behind them. */
    off_t at;
    size_t length, had;
    char *before;
} piece;

typedef struct { /* A file by its number and its time of birth: numbers are given again. */
    dev_t device;
    ino_t number;
    int64_t born_ns;
    piece *unsafe; /* since its last good sync */
    size_t count, room;
    int failed;
} file;

static control *shared;
static file *files;
static size_t file_count, file_room;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ssize_t (*really_pwrite)(int, const void *, size_t, off64_t);

__attribute__((constructor)) static void look_for_control(void)
{
    const char *path = getenv("RIGD_DISK_SHIM");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    *(void **)&really_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    shared = map == MAP_FAILED || really_pwrite == NULL ? NULL : map;
}

static int is_below(int fd)
{
    char link[64], path[4096];
    if (shared == NULL)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    size_t length = strlen(shared->folder), ending = strnlen(shared->ending, sizeof shared->ending);
    if (n < (ssize_t)length || n < (ssize_t)ending)
        return 0;
    path[n] = '\0';
    return length > 0 && memcmp(path, shared->folder, length) == 0 && (path[length] == '/' || path[length] == '\0') &&
           memcmp(path + n - ending, shared->ending, ending) == 0;
}

static void wait_us(int64_t us)
{
    if (us > 0)
        nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* 0, or the errno with which this call fails. */
static int fault_of(int which, int64_t bytes)
{
    kind *k = &shared->of[which];
    int64_t number = __atomic_add_fetch(&k->seen, 1, __ATOMIC_SEQ_CST), rate = shared->bytes_per_second;
    wait_us(k->delay_us + (rate > 0 ? bytes * 1000000 / rate : 0));
    if (k->from == 0 || number < k->from || (k->times > 0 && number >= k->from + k->times))
        return 0;
    __atomic_add_fetch(&k->failed, 1, __ATOMIC_SEQ_CST);
    return (int)k->fault;
}

/* What is remembered of the file; a new entry if there is none. NULL for what is no file. Locked. */
static file *entry_of(int fd)
{
    struct statx s;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &s) != 0 || !S_ISREG(s.stx_mode))
        return NULL;
    dev_t device = (dev_t)s.stx_dev_major << 32 | s.stx_dev_minor;
    int64_t born_ns = s.stx_mask & STATX_BTIME ? s.stx_btime.tv_sec * 1000000000LL + s.stx_btime.tv_nsec : 0;
    for (size_t i = 0; i < file_count; i++)
        if (files[i].number == s.stx_ino && files[i].device == device && files[i].born_ns == born_ns)
            return &files[i];
    if (file_count == file_room)
        files = realloc(files, (file_room = file_room * 2 + 64) * sizeof *files);
    files[file_count] = (file){.device = device, .number = s.stx_ino, .born_ns = born_ns};
    return &files[file_count++];
}

static int again(int fd, int flags)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return open(link, flags | O_CLOEXEC);
}

/* Before so many bytes are written at `at`; -1: where the descriptor stands. */
static void remember(int fd, off_t at, size_t length)
{
    struct stat s;
    if (length == 0 || fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))
        return;
    if (fcntl(fd, F_GETFL) & O_APPEND)
        at = s.st_size;
    else if (at < 0)
        at = lseek(fd, 0, SEEK_CUR);
    pthread_mutex_lock(&lock);
    file *f = entry_of(fd);
    piece *last = f == NULL || f->count == 0 ? NULL : &f->unsafe[f->count - 1];
    if (last != NULL && at >= s.st_size && last->had == 0 && last->at + (off_t)last->length == at)
        last->length += length;
    else if (f != NULL) {
        piece p = {.at = at, .length = length};
        if (at < s.st_size) {
            size_t there = (size_t)(s.st_size - at);
            int reading = again(fd, O_RDONLY);
            p.before = malloc(there < length ? there : length);
            ssize_t got = reading < 0 ? -1 : pread(reading, p.before, there < length ? there : length, at);
            p.had = got < 0 ? 0 : (size_t)got;
            if (reading >= 0)
                close(reading);
        }
        if (f->count == f->room)
            f->unsafe = realloc(f->unsafe, (f->room = f->room * 2 + 16) * sizeof *f->unsafe);
        f->unsafe[f->count++] = p;
    }
    pthread_mutex_unlock(&lock);
}

/* All of it is on the disk. Locked. */
static void forget(file *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->unsafe[i].before);
    f->count = 0;
}

/* What was written since the last good sync is gone, the last write first; the file is as long as it is. Locked. */
static void lose(file *f, int fd)
{
    static const char nothing[65536];
    struct stat s;
    int writing = again(fd, O_WRONLY); /* without O_APPEND */
    if (writing < 0 || fstat(writing, &s) != 0)
        return;
    for (size_t i = f->count; i-- > 0;) {
        piece *p = &f->unsafe[i];
        size_t length = p->at >= s.st_size ? 0 : (size_t)(s.st_size - p->at);
        length = p->length < length ? p->length : length;
        size_t done = p->had < length ? p->had : length;
        if (done > 0)
            really_pwrite(writing, p->before, done, p->at);
        while (done < length) {
            size_t step = length - done < sizeof nothing ? length - done : sizeof nothing;
            really_pwrite(writing, nothing, step, p->at + (off_t)done);
            done += step;
        }
        __atomic_add_fetch(&shared->lost_bytes, (int64_t)length, __ATOMIC_SEQ_CST);
    }
    close(writing);
    forget(f);
}

/* Every file of the volume that this process has open. Locked. */
static void lose_volume(dev_t device)
{
    DIR *open_ones = opendir("/proc/self/fd");
    struct dirent *each;
    while (open_ones != NULL && (each = readdir(open_ones)) != NULL) {
        int fd = atoi(each->d_name);
        file *f = each->d_name[0] == '.' || fd == dirfd(open_ones) || !is_below(fd) ? NULL : entry_of(fd);
        if (f == NULL || f->device != device || f->count == 0)
            continue;
        f->failed = 1;
        lose(f, fd);
    }
    if (open_ones != NULL)
        closedir(open_ones);
}

static int sync_of(int fd, int (*behind)(int), int whole)
{
    if (!is_below(fd))
        return behind(fd);
    int fault = fault_of(SYNC, 0), result = -1;
    struct statx s = {0};
    statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &s);
    dev_t device = (dev_t)s.stx_dev_major << 32 | s.stx_dev_minor;
    pthread_mutex_lock(&lock);
    file *f = whole ? NULL : entry_of(fd);
    if (f != NULL && f->failed)
        __atomic_add_fetch(&shared->retried, 1, __ATOMIC_SEQ_CST);
    if (fault != 0) {
        if (whole)
            lose_volume(device);
        else if (f != NULL) {
            f->failed = 1;
            lose(f, fd);
        }
    } else if ((result = behind(fd)) == 0) {
        for (size_t i = 0; whole && i < file_count; i++)
            if (files[i].device == device)
                forget(&files[i]);
        if (f != NULL)
            forget(f);
    } else
        fault = errno;
    pthread_mutex_unlock(&lock);
    if (fault != 0)
        errno = fault;
    return result;
}

static int64_t bytes_of(const struct iovec *parts, int count)
{
    int64_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += (int64_t)parts[i].iov_len;
    return bytes;
}

/* The function behind this one. */
#define FIND(behind, name)                                \
    do {                                                  \
        if (behind == NULL)                               \
            *(void **)&behind = dlsym(RTLD_NEXT, name);   \
    } while (0)

/* A call that fails, or the one behind it. */
#define BEHIND(result, name, which, bytes, at, types, values)                     \
    do {                                                                          \
        static result(*behind) types;                                             \
        int below = is_below(fd), fault = below ? fault_of(which, (bytes)) : 0;   \
        if (fault != 0) {                                                         \
            errno = fault;                                                        \
            return -1;                                                            \
        }                                                                         \
        if (below && which == WRITE)                                              \
            remember(fd, at, (size_t)(bytes));                                    \
        FIND(behind, name);                                                       \
        return behind values;                                                     \
    } while (0)

ssize_t write(int fd, const void *from, size_t n)
{
    BEHIND(ssize_t, "write", WRITE, (int64_t)n, -1, (int, const void *, size_t), (fd, from, n));
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    BEHIND(ssize_t, "pwrite", WRITE, (int64_t)n, at, (int, const void *, size_t, off_t), (fd, from, n, at));
}

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at)
{
    BEHIND(ssize_t, "pwrite64", WRITE, (int64_t)n, at, (int, const void *, size_t, off64_t), (fd, from, n, at));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    BEHIND(ssize_t, "writev", WRITE, bytes_of(parts, count), -1, (int, const struct iovec *, int), (fd, parts, count));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    BEHIND(ssize_t, "pwritev", WRITE, bytes_of(parts, count), at, (int, const struct iovec *, int, off_t),
           (fd, parts, count, at));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    BEHIND(ssize_t, "pwritev64", WRITE, bytes_of(parts, count), at, (int, const struct iovec *, int, off64_t),
           (fd, parts, count, at));
}

int fsync(int fd)
{
    static int (*behind)(int);
    FIND(behind, "fsync");
    return sync_of(fd, behind, 0);
}

int fdatasync(int fd)
{
    static int (*behind)(int);
    FIND(behind, "fdatasync");
    return sync_of(fd, behind, 0);
}

int syncfs(int fd)
{
    static int (*behind)(int);
    FIND(behind, "syncfs");
    return sync_of(fd, behind, 1);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
    BEHIND(int, "fallocate", ALLOCATE, 0, 0, (int, int, off_t, off_t), (fd, mode, at, n));
}

int fallocate64(int fd, int mode, off64_t at, off64_t n)
{
    BEHIND(int, "fallocate64", ALLOCATE, 0, 0, (int, int, off64_t, off64_t), (fd, mode, at, n));
}
