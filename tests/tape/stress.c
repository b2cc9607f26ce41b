/* One writer and four readers on one tape, for the sanitizers and for ARM's memory order.
 *
 * The writer feeds style.md's frame counter in blocks of random length, as fast as it can. Every reader
 * checks every sample it gets, and that runs and losses follow each other without a hole:
 *   holder     follows with a hold and naps: nothing may be overwritten, what was lost must be declared
 *              TAPE_FULL. Leaves after half of the frames, or nobody could ever be overtaken
 *   mirror     follows with a spare hold and naps: while it is not let go of nothing may be overwritten, and what
 *              was overwritten must have been let go of before. Then it holds again, further on
 *   runner     follows without one and naps: what was overwritten must be said so, and nothing else
 *   latecomer  takes holds in the past again and again, and looks at levels and the timeline
 * Ends with 0 and a line of figures, or with 1 and what was wrong. Usage: stress FOLDER FRAMES */
#include "core_inside.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CHANNELS 3u
#define LONGEST_BLOCK 700u
#define CAPACITY 16384u

static rigd_tape *tape;
static _Atomic int phase; /* 0 with the holder, 1 without it, 2 the last block is fed */
static _Atomic int64_t fed_frames;
static int64_t frames_to_feed;
static _Atomic uint64_t held_frames, held_lost, ran_frames, ran_lost, late_frames, mirrored_frames, let_go_of;

static void fail(const char *what, int64_t frame)
{
    fprintf(stderr, "%s at frame %lld\n", what, (long long)frame);
    _exit(1);
}

static float counter(int64_t frame, unsigned channel)
{
    return (float)((frame + 1009 * channel) % 8388608) / 8388608.0f;
}

static void nap(void) { nanosleep(&(struct timespec){0, 5000000}, NULL); }

static unsigned next_random(unsigned *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }

/* On a busy machine a reader may not have run at all by then. */
static int has_seen_all(void)
{
    return atomic_load(&held_frames) > 0 && atomic_load(&ran_frames) > 0 && atomic_load(&late_frames) > 0
        && atomic_load(&mirrored_frames) > 0 && atomic_load(&let_go_of) > 0;
}

static void *feed(void *unused)
{
    static float rows[CHANNELS][LONGEST_BLOCK];
    unsigned seed = 1;
    int64_t frame = 0;
    rigd_capture *capture = rigd_capture_open(tape);
    while (frame < frames_to_feed || !has_seen_all()) {
        unsigned n = 1 + next_random(&seed) % LONGEST_BLOCK;
        if (frame >= frames_to_feed / 2 && atomic_load(&held_frames) > 0)
            atomic_store(&phase, 1);
        for (unsigned c = 0; c < CHANNELS; c++)
            for (unsigned i = 0; i < n; i++)
                rows[c][i] = counter(frame + i, c);
        frame += n;
        rigd_capture_planar(capture, rows[0], LONGEST_BLOCK, n, 1.0 + (double)(frame - n) / 48000.0,
                            frame * 20833, 0);
        if (next_random(&seed) % 4 == 0)
            sched_yield();
    }
    atomic_store(&fed_frames, frame);
    atomic_store(&phase, 2);
    rigd_capture_close(capture);
    return unused;
}

/* Reads the rows themselves, so that the thread sanitizer sees whether a hold orders them. */
static void check_held(const rigd_piece *piece)
{
    for (unsigned c = 0; c < CHANNELS; c++)
        for (uint64_t i = 0; i < piece->frames; i++)
            if (*row(tape, c, piece->position + i) != counter(piece->frame + (int64_t)i, c))
                fail("a held sample changed", piece->frame + (int64_t)i);
}

static void *hold(void *unused)
{
    rigd_cursor cursor;
    rigd_piece piece;
    uint64_t held;
    int slot = rigd_hold_take(tape, 0, 1, 1, 1, 0, -1, &held);
    int64_t expected = 0;
    rigd_cursor_set(tape, &cursor, 0);
    for (unsigned pieces = 1; atomic_load(&phase) == 0; pieces++) {
        int kind = rigd_cursor_next(tape, &cursor, 2048, &piece);
        if (kind == RIGD_NOTHING) {
            sched_yield();
            continue;
        }
        if (pieces % 1000 == 0)
            nap();
        if (piece.frame != expected)
            fail("a held run does not follow the one before", piece.frame);
        expected += (int64_t)piece.frames;
        if (kind == RIGD_RUN) {
            check_held(&piece);
            atomic_fetch_add(&held_frames, piece.frames);
            if (rigd_hold_advance(tape, slot, piece.position + piece.frames) != 0)
                fail("a firm hold was let go of", piece.frame);
        } else if (kind == RIGD_LOST && piece.cause == RIGD_CAUSE_TAPE_FULL) {
            atomic_fetch_add(&held_lost, piece.frames);
        } else {
            fail("a held reader lost frames for another reason than a full tape", piece.frame);
        }
    }
    rigd_hold_release(tape, slot);
    return unused;
}

static int is_let_go(int slot)
{
    rigd_hold now;
    rigd_hold_read(tape, slot, &now);
    return now.position == FREE;
}

static void *mirror(void *unused)
{
    static float out[CHANNELS][2048];
    static const uint32_t channels[CHANNELS] = {0, 1, 2};
    rigd_cursor cursor;
    rigd_piece piece;
    uint64_t held;
    int slot = rigd_hold_take(tape, 1, 2, 2, 2, 0, -1, &held);
    int64_t first = 0;
    if (held > 0) /* this thread came late: the tape had gone over its beginning */
        rigd_oldest(tape, &first);
    rigd_cursor_set(tape, &cursor, first);
    for (unsigned pieces = 1; atomic_load(&phase) < 2; pieces++) {
        int kind = rigd_cursor_next(tape, &cursor, 2048, &piece);
        if (kind == RIGD_NOTHING) {
            sched_yield();
            continue;
        }
        if (pieces % 700 == 0)
            nap();
        int whole = kind == RIGD_RUN
            && rigd_pack_float32(tape, channels, CHANNELS, piece.position, piece.frames, (uint8_t *)out,
                                 sizeof out[0]) == 0;
        for (unsigned c = 0; whole && c < CHANNELS; c++)
            for (uint64_t i = 0; i < piece.frames; i++)
                if (out[c][i] != counter(piece.frame + (int64_t)i, c))
                    fail("a mirrored sample is not the counter", piece.frame + (int64_t)i);
        if (whole)
            atomic_fetch_add(&mirrored_frames, piece.frames);
        else if ((kind == RIGD_RUN || (kind == RIGD_LOST && piece.cause == RIGD_CAUSE_OVERWRITTEN))
                 && !is_let_go(slot))
            fail("what a spare hold held was overwritten", piece.frame);
        if (kind == RIGD_RUN && rigd_hold_advance(tape, slot, piece.position + piece.frames) == RIGD_LET_GO) {
            rigd_counters now;
            atomic_fetch_add(&let_go_of, 1);
            rigd_tape_counters(tape, &now);
            rigd_cursor_set(tape, &cursor, now.next_frame - CAPACITY / 2);
            rigd_hold_renew(tape, slot, rigd_position_of(tape, cursor.frame));
        }
    }
    rigd_hold_release(tape, slot);
    return unused;
}

static void *run(void *unused)
{
    static float out[CHANNELS][2048];
    static const uint32_t channels[CHANNELS] = {0, 1, 2};
    rigd_cursor cursor;
    rigd_piece piece;
    int64_t expected = 0;
    rigd_cursor_set(tape, &cursor, 0);
    for (unsigned pieces = 1;; pieces++) {
        int last = atomic_load(&phase) == 3;
        int kind = rigd_cursor_next(tape, &cursor, 2048, &piece);
        if (kind == RIGD_NOTHING) {
            if (last)
                return unused;
            sched_yield();
            continue;
        }
        if (pieces % 1000 == 0)
            nap();
        if (piece.frame != expected)
            fail("a run does not follow the one before", piece.frame);
        expected += (int64_t)piece.frames;
        if (kind != RIGD_RUN) {
            atomic_fetch_add(&ran_lost, piece.frames);
            continue;
        }
        if (rigd_pack_float32(tape, channels, CHANNELS, piece.position, piece.frames, (uint8_t *)out,
                              sizeof out[0]) != 0) {
            atomic_fetch_add(&ran_lost, piece.frames);
            continue;
        }
        for (unsigned c = 0; c < CHANNELS; c++)
            for (uint64_t i = 0; i < piece.frames; i++)
                if (out[c][i] != counter(piece.frame + (int64_t)i, c))
                    fail("a sample is not the counter", piece.frame + (int64_t)i);
        atomic_fetch_add(&ran_frames, piece.frames);
    }
}

static void *come_late(void *unused)
{
    unsigned seed = 3;
    uint64_t key = 100, block = 0, frames, clipped[CHANNELS];
    float peak[CHANNELS];
    double energy[CHANNELS];
    static rigd_point points[64];
    while (atomic_load(&phase) < 2) {
        rigd_cursor cursor;
        rigd_piece piece;
        rigd_counters now;
        uint64_t held, first_block;
        int64_t oldest, end;
        rigd_tape_counters(tape, &now);
        rigd_oldest(tape, &oldest);
        int64_t from = oldest - 500 + (int64_t)(next_random(&seed) % CAPACITY);
        int slot = rigd_hold_take(tape, 0, ++key, 2, 2, rigd_position_of(tape, from), -1, &held);
        if (slot < 0)
            fail("no hold was free", from);
        rigd_cursor_set(tape, &cursor, from);
        for (int i = 0, kind; i < 4 && (kind = rigd_cursor_next(tape, &cursor, 1024, &piece)); i++) {
            if (kind == RIGD_LOST && piece.cause == RIGD_CAUSE_OVERWRITTEN && piece.position > held)
                fail("what a late hold held was overwritten", piece.frame);
            if (kind == RIGD_RUN && piece.position >= held) {
                check_held(&piece);
                atomic_fetch_add(&late_frames, piece.frames);
            }
        }
        rigd_hold_release(tape, slot);
        memset(peak, 0, sizeof peak);
        memset(energy, 0, sizeof energy);
        memset(clipped, 0, sizeof clipped);
        block = rigd_levels(tape, block, peak, energy, clipped, &frames, &end);
        for (unsigned c = 0; c < CHANNELS; c++)
            if (peak[c] < 0.0f || peak[c] >= 1.0f || energy[c] < 0.0 || energy[c] > (double)frames)
                fail("a level is impossible", end);
        rigd_points(tape, UINT64_MAX, 1000000000, 64, points, &first_block);
        sched_yield();
    }
    return unused;
}

int main(int argc, char **argv)
{
    char path[4096];
    rigd_shape shape = {CHANNELS, 48000, CAPACITY, 256, 64, 8388608.0, 1, 0, 0};
    pthread_t writer, readers[4];
    uint32_t layout;
    if (argc != 3)
        return 2;
    snprintf(path, sizeof path, "%s/stress-tape", argv[1]);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)rigd_tape_bytes(&shape)) != 0 || rigd_tape_format(fd, &shape) != 0
        || rigd_tape_map(fd, rigd_tape_bytes(&shape), 1, &tape, &layout) != 0)
        return 2;
    close(fd);
    unlink(path);
    frames_to_feed = atoll(argv[2]);
    pthread_create(&readers[0], NULL, hold, NULL);
    while (relaxed(&tape->head->hold_key[0]) == 0) /* it must hold before the first block */
        sched_yield();
    pthread_create(&writer, NULL, feed, NULL);
    pthread_create(&readers[1], NULL, run, NULL);
    pthread_create(&readers[2], NULL, come_late, NULL);
    pthread_create(&readers[3], NULL, mirror, NULL);
    pthread_join(writer, NULL);
    atomic_store(&phase, 3);
    for (int i = 0; i < 4; i++)
        pthread_join(readers[i], NULL);
    rigd_counters end;
    rigd_tape_counters(tape, &end);
    uint64_t fed = (uint64_t)atomic_load(&fed_frames);
    if ((uint64_t)end.next_frame != fed || end.written + end.lost_frames != fed)
        fail("stored and lost frames are not what was fed", end.next_frame);
    printf("fed %llu held %llu lost %llu ran %llu overwritten %llu late %llu mirrored %llu let_go %llu\n",
           (unsigned long long)fed,
           (unsigned long long)atomic_load(&held_frames), (unsigned long long)atomic_load(&held_lost),
           (unsigned long long)atomic_load(&ran_frames), (unsigned long long)atomic_load(&ran_lost),
           (unsigned long long)atomic_load(&late_frames), (unsigned long long)atomic_load(&mirrored_frames),
           (unsigned long long)atomic_load(&let_go_of));
    rigd_tape_unmap(tape);
    return 0;
}
