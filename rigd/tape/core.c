/* The tape's C core, first part: making and mapping a tape, holds, and what Python's os lacks. */
#include "core_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE /* of the kernel since 5.14, whatever the C library knows */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static const char MAGIC[8] = {'R', 'I', 'G', 'D', 'T', 'A', 'P', 'E'};

static uint64_t to_page(uint64_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

static int is_power_of_two(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

static void place(header *h)
{
    const rigd_shape *s = &h->shape;
    h->log_offset = PAGE;
    h->level_offset = h->log_offset + to_page(s->log_blocks * LOG_WORDS * sizeof(uint64_t));
    h->rows_offset = h->level_offset + to_page(s->level_blocks * s->channels * sizeof(level));
    h->file_bytes = h->rows_offset + to_page(s->channels * s->capacity_frames * sizeof(float));
}

static int is_sound(const rigd_shape *s)
{
    return s->channels >= 1 && s->channels <= RIGD_MOST_CHANNELS && s->sample_rate_hz >= 1
        && is_power_of_two(s->capacity_frames) && s->capacity_frames <= UINT64_C(1) << 32
        && is_power_of_two(s->log_blocks) && s->log_blocks >= 2 && s->log_blocks <= UINT64_C(1) << 28
        && is_power_of_two(s->level_blocks) && s->level_blocks <= s->log_blocks && s->full_scale > 0.0
        && s->full_scale <= 2147483648.0;
}

uint64_t rigd_tape_bytes(const rigd_shape *shape)
{
    header h;
    if (!is_sound(shape))
        return 0;
    h.shape = *shape;
    place(&h);
    return h.file_bytes;
}

uint64_t rigd_tape_head_bytes(const rigd_shape *shape)
{
    header h;
    if (!is_sound(shape))
        return 0;
    h.shape = *shape;
    place(&h);
    return h.rows_offset;
}

int rigd_tape_format(int fd, const rigd_shape *shape)
{
    if (!is_sound(shape))
        return RIGD_BROKEN_HEADER;
    header *h = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (h == MAP_FAILED)
        return RIGD_NO_MAP;
    memset(h, 0, PAGE);
    memcpy(h->magic, MAGIC, sizeof MAGIC);
    h->layout_version = RIGD_LAYOUT_VERSION;
    h->header_bytes = PAGE;
    h->shape = *shape;
    place(h);
    atomic_init(&h->intended, shape->origin_position);
    atomic_init(&h->reserved, shape->origin_position);
    atomic_init(&h->written, shape->origin_position);
    atomic_init(&h->next_frame, (uint64_t)shape->origin_frame);
    for (int i = 0; i < RIGD_HOLDS; i++)
        atomic_init(&h->hold_position[i], FREE);
    munmap(h, PAGE);
    return 0;
}

int rigd_tape_map(int fd, uint64_t file_bytes, int writable, rigd_tape **tape, uint32_t *layout_found)
{
    header h, expected;
    if (pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h || memcmp(h.magic, MAGIC, sizeof MAGIC) != 0)
        return RIGD_NOT_A_TAPE;
    *layout_found = h.layout_version;
    if (h.layout_version != RIGD_LAYOUT_VERSION)
        return RIGD_OTHER_LAYOUT;
    expected.shape = h.shape;
    if (h.header_bytes != PAGE || !is_sound(&h.shape))
        return RIGD_BROKEN_HEADER;
    place(&expected);
    if (h.log_offset != expected.log_offset || h.level_offset != expected.level_offset
        || h.rows_offset != expected.rows_offset || h.file_bytes != expected.file_bytes)
        return RIGD_BROKEN_HEADER;
    if (file_bytes < h.file_bytes)
        return RIGD_SHORT_FILE;
    if (h.file_bytes > SIZE_MAX) {
        errno = ENOMEM;
        return RIGD_NO_MAP;
    }
    rigd_tape *t = calloc(1, sizeof *t);
    if (t == NULL)
        return RIGD_NO_MAP;
    char *map = mmap(NULL, (size_t)h.file_bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        int why = errno;
        free(t);
        errno = why;
        return RIGD_NO_MAP;
    }
    t->head = (header *)(void *)map;
    t->log = (word *)(void *)(map + h.log_offset);
    t->levels = (level *)(void *)(map + h.level_offset);
    t->rows = (float *)(void *)(map + h.rows_offset);
    t->shape = h.shape;
    t->file_bytes = h.file_bytes;
    *tape = t;
    return 0;
}

void rigd_tape_unmap(rigd_tape *tape)
{
    munmap(tape->head, (size_t)tape->file_bytes);
    free(tape);
}

int rigd_tape_lock(rigd_tape *tape)
{
    return mlock2(tape->head, (size_t)tape->file_bytes, MLOCK_ONFAULT) == 0 ? 0 : errno;
}

/* First the file system's word that it has the memory, so that no touch ends in SIGBUS; then the touch. Kernels before
 * 5.14 touch each page when it is written. */
static int take(rigd_tape *t, int fd, uint64_t begin, uint64_t end)
{
    int fault;
    begin -= begin % PAGE;
    end = to_page(end) < t->file_bytes ? to_page(end) : t->file_bytes;
    do
        fault = posix_fallocate(fd, (off_t)begin, (off_t)(end - begin));
    while (fault == EINTR);
    if (fault != 0)
        return fault;
    char *map = (char *)(void *)t->head;
    return madvise(map + begin, (size_t)(end - begin), MADV_POPULATE_WRITE) == 0 || errno == EINVAL ? 0 : errno;
}

int rigd_tape_take_head(rigd_tape *t, int fd) { return take(t, fd, 0, t->head->rows_offset); }

int rigd_tape_take_rows(rigd_tape *t, int fd, uint64_t position, uint64_t frames)
{
    uint64_t capacity = t->shape.capacity_frames, one = stretch(t), bytes = t->shape.channels * sizeof(float);
    uint64_t rows = t->head->rows_offset, within = position & (one - 1);
    uint64_t whole = (within + frames + one - 1) / one * one; /* stretches */
    uint64_t begin = (position & (capacity - 1)) - within, end = begin + (whole < capacity ? whole : capacity);
    int fault = take(t, fd, rows + begin * bytes, rows + (end < capacity ? end : capacity) * bytes);
    if (fault == 0 && end > capacity)
        fault = take(t, fd, rows, rows + (end - capacity) * bytes);
    return fault;
}

void rigd_tape_map_in(rigd_tape *t) { madvise(t->head, (size_t)t->file_bytes, MADV_POPULATE_READ); }

void rigd_tape_shape(const rigd_tape *tape, rigd_shape *shape) { *shape = tape->shape; }

void rigd_tape_counters(const rigd_tape *tape, rigd_counters *c)
{
    header *h = tape->head;
    c->written = atomic_load_explicit(&h->written, memory_order_acquire);
    c->blocks = atomic_load_explicit(&h->blocks, memory_order_acquire);
    c->next_frame = (int64_t)relaxed(&h->next_frame);
    c->xruns = relaxed(&h->xruns);
    c->dropped_blocks = relaxed(&h->dropped_blocks);
    c->lost_frames = relaxed(&h->lost_frames);
    c->suspects = relaxed(&h->suspects);
    c->clamped = relaxed(&h->clamped);
    c->zero_blocks = relaxed(&h->zero_blocks);
}

/* ---- holds ---- */

/* Either the capture sees the hold before it writes, or this sees what it intends to write: both sides store
 * first, then load, in one total order. Returns the lowest position that is held, `position` or later. */
static uint64_t stand(rigd_tape *t, int slot, uint64_t position)
{
    /* One that is known to be gone is not asked for even for an instant: while it stood there, and its owner was not
     * given the processor, capture would drop every block. */
    uint64_t oldest = rigd_lowest_position(t);
    position = position > oldest ? position : oldest;
    for (;;) {
        atomic_store(&t->head->hold_position[slot], position);
        atomic_thread_fence(memory_order_seq_cst);
        uint64_t lowest = rigd_lowest_position(t);
        if (position >= lowest)
            return position;
        position = lowest;
    }
}

int rigd_hold_take(rigd_tape *t, int spare, uint64_t key, uint64_t owner, uint64_t owner_started,
                   uint64_t position, int replaces, uint64_t *held)
{
    header *h = t->head;
    for (int i = 0; i < RIGD_HOLDS; i++)
        if (i != replaces && atomic_load(&h->hold_key[i]) == key)
            return RIGD_KEY_IN_USE;
    for (int i = spare ? RIGD_FIRM_HOLDS : 0; i < (spare ? RIGD_HOLDS : RIGD_FIRM_HOLDS); i++) {
        uint64_t nobody = 0;
        if (!atomic_compare_exchange_strong(&h->hold_owner[i], &nobody, owner))
            continue;
        atomic_store(&h->hold_owner_started[i], owner_started);
        *held = stand(t, i, position);
        atomic_store(&h->hold_key[i], key);
        return i;
    }
    return RIGD_NO_FREE_HOLD;
}

int rigd_hold_adopt(rigd_tape *t, int slot, uint64_t from_owner, uint64_t owner, uint64_t owner_started)
{
    if (!atomic_compare_exchange_strong(&t->head->hold_owner[slot], &from_owner, owner))
        return -1;
    atomic_store(&t->head->hold_owner_started[slot], owner_started);
    return 0;
}

int rigd_hold_advance(rigd_tape *t, int slot, uint64_t position)
{
    uint64_t held = relaxed(&t->head->hold_position[slot]);
    do {
        if (held == FREE)
            return RIGD_LET_GO;
        if (position <= held)
            return 0;
    } while (!atomic_compare_exchange_weak_explicit(&t->head->hold_position[slot], &held, position,
                                                    memory_order_release, memory_order_relaxed));
    return 0;
}

uint64_t rigd_hold_renew(rigd_tape *t, int slot, uint64_t position) { return stand(t, slot, position); }

void rigd_hold_release(rigd_tape *t, int slot)
{
    atomic_store_explicit(&t->head->hold_position[slot], FREE, memory_order_release);
    atomic_store(&t->head->hold_key[slot], 0);
    atomic_store(&t->head->hold_owner_started[slot], 0);
    atomic_store(&t->head->hold_owner[slot], 0);
}

void rigd_hold_read(const rigd_tape *t, int slot, rigd_hold *hold)
{
    hold->key = atomic_load(&t->head->hold_key[slot]);
    hold->owner = atomic_load(&t->head->hold_owner[slot]);
    hold->owner_started = atomic_load(&t->head->hold_owner_started[slot]);
    hold->position = atomic_load(&t->head->hold_position[slot]);
}

uint32_t rigd_holds(const rigd_tape *t, rigd_hold *holds, uint32_t *slots)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < RIGD_HOLDS; i++) {
        rigd_hold_read(t, (int)i, &holds[found]);
        slots[found] = i;
        found += holds[found].owner != 0;
    }
    return found;
}

/* ---- the kernel ---- */

int rigd_keep_room(int fd, int64_t offset, int64_t bytes)
{
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, bytes) == 0 ? 0 : errno;
}

uint32_t rigd_named(const int *fds, uint32_t count)
{
    uint32_t named = 0;
    struct stat status;
    while (named < count && (fstat(fds[named], &status) != 0 || status.st_nlink > 0))
        named++;
    return named;
}

int rigd_syncfs(int fd) { return syncfs(fd) == 0 ? 0 : errno; }
