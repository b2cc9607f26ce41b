/* The tape's C core, last part: the writing end. One thread; nothing here locks, allocates, prints or makes
 * a system call once the capture is open, but for the functions about priority, which other threads call. */
#include "core_inside.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define CLIP (8388607.0f / 8388608.0f)       /* |x| from here on: full scale of either 24-bit scale */
#define LATE_BLOCKS 12                       /* and half a second: no wake-up is late for so long */
#define LONGEST_BELIEVED_LOSS_SECONDS 3600.0 /* a larger jump is a broken clock, not a loss */

struct rigd_capture {
    rigd_tape *tape;
    uint64_t position, blocks;
    uint64_t reserved, blocks_reserved;  /* as published: a killed capture leaves them ahead of position */
    int64_t next_frame;                  /* end of the last stored block */
    uint64_t pending_lost;               /* lost since then */
    uint32_t pending_flags, resume_cause;
    uint32_t empty_flags;                /* what the driver said with blocks of no frames */
    int has_clock, resuming;
    double last_adc;                     /* of the last block delivered, stored or not */
    int64_t last_ns;
    uint32_t last_frames;
    int64_t anchor_frame, anchor_ns;
    double anchor_rate;
    int has_line;                        /* the line that timely blocks lie on; see lag_of */
    int64_t line_frame, line_ns;
    double base, last_lag, least_lag;    /* frames */
    uint32_t late_blocks, late_frames;
    double told_jump;                    /* of a SUSPECT block, for the next two: a flag may come late */
    uint32_t told_blocks_ago;
    _Atomic uintptr_t thread;
};

static void count(word *w, uint64_t n)
{
    atomic_store_explicit(w, relaxed(w) + n, memory_order_relaxed); /* there is one writer */
}

static void intend(rigd_capture *c, uint64_t position, uint64_t blocks)
{
    atomic_store(&c->tape->head->intended, position);
    atomic_store(&c->tape->head->blocks_intended, blocks);
    atomic_thread_fence(memory_order_seq_cst);
}

rigd_capture *rigd_capture_open(rigd_tape *tape)
{
    header *h = tape->head;
    rigd_block last;
    rigd_capture *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->tape = tape;
    c->position = tape->shape.origin_position;
    c->next_frame = tape->shape.origin_frame;
    /* `blocks` is the point of commit. A capture that was killed within a block left the words around
     * it half raised: they follow from the last block. */
    c->blocks = atomic_load(&h->blocks);
    if (c->blocks > 0 && rigd_block_at(tape, c->blocks - 1, &last) == 1) {
        c->position = last.position + last.frames;
        c->next_frame = last.first_frame + (int64_t)last.frames;
        c->last_ns = last.monotonic_ns;
    }
    atomic_store(&h->written, c->position);
    /* Not lowered: what it had reserved it may have half overwritten. */
    c->reserved = atomic_load(&h->reserved);
    c->blocks_reserved = atomic_load(&h->blocks_reserved);
    intend(c, c->reserved, c->blocks_reserved);
    int64_t counted = (int64_t)relaxed(&h->next_frame);
    if (counted > c->next_frame) {
        c->pending_lost = (uint64_t)(counted - c->next_frame);
        c->pending_flags = RIGD_TAPE_FULL;
    } else {
        atomic_store(&h->next_frame, (uint64_t)c->next_frame);
    }
    return c;
}

void rigd_capture_close(rigd_capture *capture) { free(capture); }

void rigd_capture_resume(rigd_capture *c, int64_t anchor_frame, int64_t anchor_ns, double rate_hz,
                         uint32_t cause)
{
    c->anchor_frame = anchor_frame;
    c->anchor_ns = anchor_ns;
    c->anchor_rate = rate_hz;
    c->resume_cause = cause;
    c->resuming = 1;
    c->has_clock = 0;
    atomic_store(&c->thread, 0);
}

/* Frames that passed while capture was away, by the clock; never negative. */
static uint64_t lost_while_away(const rigd_capture *c, uint32_t frames, int64_t ns)
{
    int64_t due = c->next_frame + (int64_t)c->pending_lost + (int64_t)frames;
    double now = (double)(c->anchor_frame - due) + (double)(ns - c->anchor_ns) * c->anchor_rate / 1e9;
    return now >= 0.5 && now < 9e15 ? (uint64_t)llround(now) : 0;
}

/* By how many frames this block begins later than the one before it ended, by the driver's clock. */
static double clock_jump(const rigd_capture *c, uint32_t frames, double adc_time, int64_t ns)
{
    double rate = c->tape->shape.sample_rate_hz;
    double jump;
    if (!c->has_clock)
        return 0.0;
    if (c->last_adc > 0.0 && adc_time > 0.0 && isfinite(adc_time)) {
        jump = adc_time - c->last_adc - c->last_frames / rate;
        if (jump < LONGEST_BELIEVED_LOSS_SECONDS)
            return jump * rate;
    }
    jump = (double)(ns - c->last_ns) / 1e9 - frames / rate;
    return jump < LONGEST_BELIEVED_LOSS_SECONDS ? jump * rate : 0.0;
}

/* How many frames later this block came than the timely ones before it, all measured against CLOCK_MONOTONIC.
 * A late wake-up is late once; blocks that were lost without a word leave all that follow late. The line may
 * rise by 1,000 ppm, for an interface that runs slow. */
static double lag_of(rigd_capture *c, uint32_t frames, int64_t ns)
{
    int64_t end = c->next_frame + (int64_t)c->pending_lost + (int64_t)frames;
    if (!c->has_line) {
        c->has_line = 1;
        c->line_frame = end;
        c->line_ns = ns;
        c->base = 0.0;
    }
    double ahead = (double)(ns - c->line_ns) * c->tape->shape.sample_rate_hz / 1e9
        - (double)(end - c->line_frame);
    c->base += frames * 1e-3;
    c->base = ahead < c->base ? ahead : c->base;
    return ahead - c->base;
}

/* An overflow that was told a block late, as JACK's xruns are through PortAudio: what the block before jumped
 * by, or by how many whole blocks it and this one are late. 0 where nothing points to a loss. */
static uint64_t lost_before_late_flag(const rigd_capture *c, uint32_t frames, double lag)
{
    if (c->told_jump > 0.0 && c->told_blocks_ago < 2)
        return (uint64_t)llround(c->told_jump);
    double least = lag < c->last_lag ? lag : c->last_lag;
    double blocks = round(least / frames);
    return blocks >= 1.0 && fabs(least - blocks * frames) < frames / 4.0 ? (uint64_t)blocks * frames : 0;
}

/* 1 when blocks have been late for so long that some must have been lost; then late is the new timely. */
static int is_shifted(rigd_capture *c, uint32_t frames, double lag)
{
    double rate = c->tape->shape.sample_rate_hz, late_from = 0.75 * frames;
    late_from = late_from > rate / 500.0 ? late_from : rate / 500.0;
    if (lag < late_from) {
        c->late_blocks = c->late_frames = 0;
        return 0;
    }
    c->least_lag = c->late_blocks == 0 || lag < c->least_lag ? lag : c->least_lag;
    c->late_blocks++;
    c->late_frames += frames;
    if (c->late_blocks < LATE_BLOCKS || c->late_frames < rate / 2.0)
        return 0;
    c->base += c->least_lag;
    c->late_blocks = c->late_frames = 0;
    return 1;
}

static int fits(const rigd_capture *c, uint32_t frames)
{
    const rigd_tape *t = c->tape;
    uint64_t lowest = FREE;
    rigd_block b;
    for (int i = 0; i < RIGD_HOLDS; i++) {
        uint64_t held = atomic_load(&t->head->hold_position[i]);
        lowest = held < lowest ? held : lowest;
    }
    if (lowest == FREE)
        return 1;
    if (c->position + frames > lowest && c->position + frames - lowest > t->shape.capacity_frames)
        return 0;
    if (c->blocks < t->shape.log_blocks)
        return 1;
    word *entry = log_entry(t, c->blocks); /* of the block log_blocks ago; only this thread writes it */
    uint64_t words[LOG_WORDS];
    for (unsigned i = 0; i < LOG_WORDS; i++)
        words[i] = relaxed(&entry[i]);
    memcpy(&b, words, sizeof b);
    return b.position + b.frames <= lowest;
}

static int reserve(rigd_capture *c, uint32_t frames)
{
    uint64_t end = c->position + frames;
    if (!fits(c, frames))
        return 0;
    intend(c, end > c->reserved ? end : c->reserved, c->blocks + 1);
    if (!fits(c, frames)) { /* a hold was taken just now; see rigd_hold_take */
        intend(c, c->reserved, c->blocks_reserved);
        return 0;
    }
    c->reserved = end > c->reserved ? end : c->reserved;
    c->blocks_reserved = c->blocks + 1;
    atomic_store(&c->tape->head->reserved, c->reserved);
    atomic_store(&c->tape->head->blocks_reserved, c->blocks_reserved);
    atomic_thread_fence(memory_order_seq_cst); /* not one sample is written before a reader can know */
    return 1;
}

/* Copies and measures in one pass. Energy and peak are of what came in; see store_row. */
WIDE static void store_part(const float *restrict in, float *restrict out, size_t n, float *peak,
                            float *energy)
{
    float p[16] = {0}, e[16] = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        for (unsigned k = 0; k < 16; k++) {
            float x = in[i + k], a = fabsf(x);
            out[i + k] = x;
            p[k] = a > p[k] ? a : p[k];
            e[k] += x * x;
        }
    }
    for (; i < n; i++) {
        float a = fabsf(in[i]);
        out[i] = in[i];
        p[0] = a > p[0] ? a : p[0];
        e[0] += a * a;
    }
    for (unsigned k = 0; k < 16; k++) {
        *peak = p[k] > *peak ? p[k] : *peak;
        *energy += e[k];
    }
}

static uint32_t clean(float *row_part, size_t n)
{
    uint32_t replaced = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(row_part[i])) {
            row_part[i] = 0.0f;
            replaced++;
        }
    }
    return replaced;
}

static uint32_t store_row(float *to, const float *in, size_t n, level *measured)
{
    uint32_t replaced = 0;
    float peak = 0.0f, energy = 0.0f;
    store_part(in, to, n, &peak, &energy);
    if (!isfinite(energy)) { /* NaN, infinity, or squares too large for a float: rare, so twice */
        replaced = clean(to, n);
        peak = energy = 0.0f;
        for (size_t i = 0; i < n; i++) {
            float a = fabsf(to[i]);
            peak = a > peak ? a : peak;
            energy = a < 1e15f && energy < 1e35f ? energy + a * a : 1e35f;
        }
    }
    measured->peak = peak > measured->peak ? peak : measured->peak;
    measured->energy += energy;
    if (peak >= CLIP)
        for (size_t i = 0; i < n; i++)
            measured->clipped += fabsf(to[i]) >= CLIP;
    return replaced;
}

static void write_log(const rigd_tape *t, const rigd_block *b)
{
    uint64_t words[LOG_WORDS];
    word *entry = log_entry(t, b->index);
    memcpy(words, b, sizeof *b);
    for (unsigned i = 0; i < LOG_WORDS; i++)
        atomic_store_explicit(&entry[i], words[i], memory_order_relaxed);
}

static void lose(rigd_capture *c, uint64_t frames, uint32_t flags)
{
    c->pending_lost += frames;
    c->pending_flags |= flags;
    count(&c->tape->head->dropped_blocks, 1);
    atomic_store_explicit(&c->tape->head->next_frame, (uint64_t)c->next_frame + c->pending_lost,
                          memory_order_relaxed);
}

static uint32_t cause_of(const rigd_capture *c, uint32_t flags)
{
    if ((flags & RIGD_RESUMED) != 0)
        return c->resume_cause;
    return (flags & RIGD_TAPE_FULL) != 0 ? RIGD_CAUSE_TAPE_FULL : RIGD_CAUSE_OVERFLOW;
}

static void store(rigd_capture *c, const float *const *rows, uint32_t frames, double adc_time, int64_t ns,
                  uint32_t flags)
{
    rigd_tape *t = c->tape;
    header *h = t->head;
    uint64_t before_wrap = until_wrap(t, c->position, frames), after_wrap = frames - before_wrap;
    level *levels = t->levels + (c->blocks & (t->shape.level_blocks - 1)) * t->shape.channels;
    uint32_t replaced = 0;
    for (uint32_t i = 0; i < t->shape.channels; i++) {
        level measured = {0.0f, 0.0f, 0};
        float *base = t->rows + i * t->shape.capacity_frames;
        replaced += store_row(base + (c->position & (t->shape.capacity_frames - 1)), rows[i],
                              (size_t)before_wrap, &measured);
        if (after_wrap > 0)
            replaced += store_row(base, rows[i] + before_wrap, (size_t)after_wrap, &measured);
        levels[i] = measured;
    }
    if (replaced > 0)
        count(&h->clamped, replaced);
    flags |= c->pending_flags | (replaced > 0 ? RIGD_CLAMPED : 0);
    rigd_block b = {
        .position = c->position, .first_frame = c->next_frame + (int64_t)c->pending_lost, .frames = frames,
        .flags = flags, .adc_time = adc_time, .monotonic_ns = ns, .lost_before = c->pending_lost,
        .cause = c->pending_lost > 0 ? cause_of(c, flags) : RIGD_NO_CAUSE, .clamped = replaced,
        .index = c->blocks,
    };
    write_log(t, &b);
    c->position += frames;
    c->blocks++;
    c->next_frame = b.first_frame + (int64_t)frames;
    c->pending_lost = 0;
    c->pending_flags = 0;
    atomic_store_explicit(&h->written, c->position, memory_order_release);
    atomic_store_explicit(&h->blocks, c->blocks, memory_order_release);
    atomic_store_explicit(&h->next_frame, (uint64_t)c->next_frame, memory_order_release);
}

void rigd_capture_block(rigd_capture *c, const float *const *rows, uint32_t frames, double adc_time,
                        int64_t ns, uint32_t driver_flags)
{
    header *h = c->tape->head;
    uint32_t flags = driver_flags & (RIGD_OVERFLOW | RIGD_UNDERFLOW);
    uint64_t lost = 0;
    if (flags != 0)
        count(&h->xruns, 1);
    if (frames == 0) {
        count(&h->zero_blocks, 1);
        c->empty_flags |= flags;
        return;
    }
    flags |= c->empty_flags;
    c->empty_flags = 0;
    if (c->resuming) {
        lost = lost_while_away(c, frames, ns);
        flags |= RIGD_RESUMED | RIGD_ESTIMATED;
        c->resuming = c->has_line = 0;
        c->told_jump = c->last_lag = 0.0;
        c->late_blocks = c->late_frames = 0;
    } else {
        double jump = clock_jump(c, frames, adc_time, ns);
        double suspect_from = c->tape->shape.sample_rate_hz / 50.0;
        suspect_from = frames > suspect_from ? frames : suspect_from;
        double lag = lag_of(c, frames, ns);
        int suspect = 0;
        c->told_blocks_ago++;
        if ((flags & RIGD_OVERFLOW) != 0) {
            lost = jump > frames / 2.0 ? (uint64_t)llround(jump) : lost_before_late_flag(c, frames, lag);
            flags |= lost > 0 ? RIGD_ESTIMATED : 0;
            c->told_jump = 0.0;
        } else if (jump > suspect_from) {
            suspect = 1;
            c->base += jump;
            c->told_jump = jump;
            c->told_blocks_ago = 0;
        }
        c->last_lag = lag - (double)lost;
        if (suspect || (lost == 0 && is_shifted(c, frames, lag))) {
            flags |= RIGD_SUSPECT;
            count(&h->suspects, 1);
        }
    }
    c->has_clock = 1;
    c->last_adc = adc_time;
    c->last_ns = ns;
    c->last_frames = frames;
    count(&h->lost_frames, lost);
    c->pending_lost += lost;
    if (rows == NULL || frames > c->tape->shape.capacity_frames / 2) {
        count(&h->lost_frames, frames);
        lose(c, frames, flags | RIGD_OVERFLOW);
        return;
    }
    if (!reserve(c, frames)) {
        count(&h->lost_frames, frames);
        lose(c, frames, flags | RIGD_TAPE_FULL);
        return;
    }
    store(c, rows, frames, adc_time, ns, flags);
}

void rigd_capture_planar(rigd_capture *c, const float *first, uint64_t row_floats, uint32_t frames,
                         double adc_time, int64_t ns, uint32_t flags)
{
    const float *rows[RIGD_MOST_CHANNELS];
    for (uint32_t i = 0; i < c->tape->shape.channels; i++)
        rows[i] = first + i * row_floats;
    rigd_capture_block(c, first == NULL ? NULL : rows, frames, adc_time, ns, flags);
}

int rigd_pa_callback(const void *input, void *output, unsigned long frames, const rigd_pa_time *time_of,
                     unsigned long flags, void *capture)
{
    rigd_capture *c = capture;
    struct timespec now;
    (void)output;
    clock_gettime(CLOCK_MONOTONIC, &now); /* answered by the vDSO: no system call */
    atomic_store_explicit(&c->thread, (uintptr_t)pthread_self(), memory_order_relaxed);
    rigd_capture_block(c, input, frames <= UINT32_MAX ? (uint32_t)frames : UINT32_MAX,
                       time_of != NULL ? time_of->input_adc_time : 0.0,
                       (int64_t)now.tv_sec * 1000000000 + now.tv_nsec,
                       ((flags & 2ul) != 0 ? RIGD_OVERFLOW : 0u)        /* paInputOverflow */
                           | ((flags & 1ul) != 0 ? RIGD_UNDERFLOW : 0u) /* paInputUnderflow */);
    return 0; /* paContinue */
}

int rigd_capture_raise(rigd_capture *c, int priority)
{
    uintptr_t thread = atomic_load(&c->thread);
    struct sched_param how = {.sched_priority = priority};
    return thread == 0 ? ESRCH : pthread_setschedparam((pthread_t)thread, SCHED_FIFO, &how);
}

int rigd_capture_policy(rigd_capture *c, int *policy, int *priority)
{
    uintptr_t thread = atomic_load(&c->thread);
    struct sched_param how = {.sched_priority = 0};
    int fault = thread == 0 ? ESRCH : pthread_getschedparam((pthread_t)thread, policy, &how);
    *priority = how.sched_priority;
    return fault;
}
