/* LD_PRELOAD: the wall clock that a program sees is the machine's plus so many nanoseconds as stand in the file that
 * RIGD_TEST_CLOCK names (an int64, read at each look). A second int64 is what adjtimex(2) says of it: 0 what the kernel
 * says, 1 that it is synchronised, 2 that it is not. No other clock is touched, nor is the machine's. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead_ns;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("RIGD_TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED)
        ahead_ns = at;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int fault = (int)syscall(SYS_clock_gettime, clock, out);
    if (fault == 0 && ahead_ns && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t now = (int64_t)out->tv_sec * 1000000000 + out->tv_nsec + *ahead_ns;
        out->tv_sec = now / 1000000000;
        out->tv_nsec = now % 1000000000;
    }
    return fault;
}

int adjtimex(struct timex *buf)
{
    int answer = (int)syscall(SYS_adjtimex, buf);
    if (!ahead_ns || !ahead_ns[1])
        return answer;
    return ahead_ns[1] == 1 ? TIME_OK : TIME_ERROR;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
