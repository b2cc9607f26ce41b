/* The tape's C core, last part: the writing end. One thread; nothing here locks, allocates, prints or makes
 * a system call once the capture is open, but for the functions about priority, which other threads call. */
#include "core_inside.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define LONGEST_BELIEVED_LOSS_SECONDS 3600.0 /* a larger jump is a broken clock, not a loss */

static const float SILENCE[STRETCH]; /* the row of an input that is not there */

struct rigd_capture {
    rigd_tape *tape;
    uint32_t inputs;                     /* rows that a block brings */
    uint64_t position, blocks;
    uint64_t reserved, blocks_reserved;  /* as published: a killed capture leaves them ahead of position */
    int64_t next_frame;                  /* end of the last stored block */
    uint64_t pending_lost;               /* lost since then */
    uint32_t pending_flags, resume_cause, wake_frames;
    uint32_t empty_flags;                /* what the driver said with blocks of no frames */
    int has_clock, resuming;
    int64_t last_ns;                     /* of the last block delivered, stored or not */
    int64_t anchor_frame, anchor_ns;
    double anchor_rate;
    uint32_t blocks_are, told_frames;    /* what the driver knows; see rigd_capture_host */
    rigd_host host;
    rigd_adc adc;
    rigd_line line;
    rigd_ahead ahead;
    int told;                            /* this wake-up has told its overflow */
    uint32_t shift_frames;               /* of the shift that the next stored block tells */
    int64_t shift_since;
    double last_jump;                    /* of the block before: a flag may come a block late */
    _Atomic uintptr_t thread;
    _Atomic int measure_only;
    word ready;                          /* rows before this position have their memory */
    rigd_wakes wakes;
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
    c->inputs = tape->shape.channels;
    atomic_init(&c->ready, UINT64_MAX);
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

void rigd_capture_inputs(rigd_capture *c, uint32_t inputs)
{
    c->inputs = inputs < c->tape->shape.channels ? inputs : c->tape->shape.channels;
}

void rigd_capture_ready(rigd_capture *c, uint64_t end_position) { atomic_store(&c->ready, end_position); }

void rigd_capture_host(rigd_capture *c, uint32_t blocks, uint32_t told_frames)
{
    c->blocks_are = blocks;
    c->told_frames = told_frames;
}

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

void rigd_capture_wake_frames(rigd_capture *c, uint32_t frames) { c->wake_frames = frames; }

void rigd_capture_measure_only(rigd_capture *c, int measure_only)
{
    atomic_store(&c->measure_only, measure_only);
}

uint32_t rigd_capture_wakes(const rigd_capture *c, int64_t since_ns, uint32_t most, rigd_point *wakes)
{
    return rigd_wakes_read((rigd_wakes *)&c->wakes, since_ns, most, wakes);
}

/* Frames that passed while capture was away, by the clock; never negative. */
static uint64_t lost_while_away(const rigd_capture *c, uint32_t frames, int64_t ns)
{
    int64_t due = c->next_frame + (int64_t)c->pending_lost + (int64_t)frames;
    double now = (double)(c->anchor_frame - due) + (double)(ns - c->anchor_ns) * c->anchor_rate / 1e9;
    now -= c->wake_frames > frames ? (double)(c->wake_frames - frames) : 0.0; /* of blocks that come right behind it */
    return now >= 0.5 && now < 9e15 ? (uint64_t)llround(now) : 0;
}

/* By how many frames this block begins later than the one before it ended, by the stamps of the callbacks. */
static double stamps_jump(const rigd_capture *c, uint32_t frames, int64_t ns)
{
    double jump = (double)(ns - c->last_ns) / 1e9 - frames / (double)c->tape->shape.sample_rate_hz;
    return c->has_clock && jump < LONGEST_BELIEVED_LOSS_SECONDS ? jump * c->tape->shape.sample_rate_hz : 0.0;
}

/* What a block of so many frames takes off the tape: a hold before this position is in its way. */
static uint64_t taken_up_to(const rigd_capture *c, uint32_t frames)
{
    const rigd_tape *t = c->tape;
    uint64_t end = c->position + frames;
    uint64_t taken = end > t->shape.capacity_frames ? end - t->shape.capacity_frames : 0;
    if (c->blocks < t->shape.log_blocks)
        return taken;
    word *entry = log_entry(t, c->blocks); /* of the block log_blocks ago; only this thread writes it */
    uint64_t words[LOG_WORDS];
    rigd_block b;
    for (unsigned i = 0; i < LOG_WORDS; i++)
        words[i] = relaxed(&entry[i]);
    memcpy(&b, words, sizeof b);
    return b.position + b.frames > taken ? b.position + b.frames : taken;
}

/* A spare hold costs no block. Its owner may move it at this moment, out of the way or not: after a few of these
 * moves it is let go of without looking, so that the callback never waits for anybody. */
static void let_go(word *hold, uint64_t taken)
{
    uint64_t held = atomic_load(hold);
    for (int tries = 0; held < taken && tries < 8; tries++)
        if (atomic_compare_exchange_strong(hold, &held, FREE))
            return;
    if (held < taken)
        atomic_store(hold, FREE);
}

static int fits(const rigd_capture *c, uint32_t frames)
{
    header *h = c->tape->head;
    uint64_t taken = taken_up_to(c, frames);
    for (int i = 0; i < RIGD_FIRM_HOLDS; i++)
        if (atomic_load(&h->hold_position[i]) < taken)
            return 0;
    for (int i = RIGD_FIRM_HOLDS; i < RIGD_HOLDS; i++)
        let_go(&h->hold_position[i], taken);
    return 1;
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
    if ((flags & RIGD_AHEAD) != 0)
        return RIGD_CAUSE_FREEWHEEL;
    return (flags & RIGD_TAPE_FULL) != 0 ? RIGD_CAUSE_TAPE_FULL : RIGD_CAUSE_OVERFLOW;
}

static void store(rigd_capture *c, const float *const *rows, uint32_t frames, double adc_time, int64_t ns,
                  uint32_t flags)
{
    rigd_tape *t = c->tape;
    header *h = t->head;
    level *levels = t->levels + (c->blocks & (t->shape.level_blocks - 1)) * t->shape.channels;
    uint32_t replaced = 0;
    for (uint32_t i = 0; i < t->shape.channels; i++) {
        level measured = {0.0f, 0.0f, 0};
        int there = i < c->inputs; /* a stretch is the longest piece, and as long as SILENCE is */
        const float *in = there ? rows[i] : SILENCE, *next = i + 1 < c->inputs ? rows[i + 1] : in;
        for (uint32_t done = 0, n; done < frames; done += n) {
            n = (uint32_t)in_one_piece(t, c->position + done, frames - done);
            uint32_t from = there ? done : 0;
            replaced += rigd_store_row(row(t, i, c->position + done), in + from, n, next + from, &measured);
        }
        levels[i] = measured;
    }
    rigd_end_stores();
    if (replaced > 0)
        count(&h->clamped, replaced);
    flags |= c->pending_flags | (replaced > 0 ? RIGD_CLAMPED : 0);
    rigd_block b = {
        .position = c->position, .first_frame = c->next_frame + (int64_t)c->pending_lost, .frames = frames,
        .flags = (uint16_t)flags, .adc_time = adc_time, .monotonic_ns = ns, .lost_before = c->pending_lost,
        .cause = (uint8_t)(c->pending_lost > 0 ? cause_of(c, flags) : RIGD_NO_CAUSE), .index = c->blocks,
        .clamped = (uint8_t)(replaced < UINT8_MAX ? replaced : UINT8_MAX),
    };
    if ((flags & RIGD_SUSPECT) != 0) {
        int64_t back = b.first_frame - c->shift_since;
        b.shift_frames = c->shift_frames;
        b.shift_back = back < UINT32_MAX ? (uint32_t)back : UINT32_MAX;
    }
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

/* How many frames an overflow cost that was told with this block, which ends with `end` when none. */
static uint64_t lost_by_overflow(const rigd_capture *c, uint32_t frames, double later, double jump, int64_t ns)
{
    double rate = c->tape->shape.sample_rate_hz, lost = later;
    /* No more than there was time for, and a host has no more to give than it holds back. */
    double most = rigd_line_is_settled(&c->line) ? c->line.lag + rigd_host_slack(&c->host, frames)
                                                     : (double)(ns - c->last_ns) * rate / 1e9 + rate;
    if (c->adc.known < 2) { /* nothing to compare it with */
        lost = jump > frames / 2.0 ? jump : c->last_jump;
        if (lost + jump <= frames / 2.0)
            lost = 0.0; /* the clock jumped back: a late wake-up */
    }
    if (lost <= frames / 2.0 || most <= 0.0) {
        uint64_t late = c->told_frames > 0 ? 0 : rigd_line_lost(&c->line, frames);
        return c->adc.known == 2 && later < (double)late / 2.0 ? 0 : late;
    }
    return (uint64_t)llround(lost < most ? lost : most);
}

/* Blocks come faster than time: they are no sound. The tape's frames go on with the clock, its rows do not. */
static void run_ahead(rigd_capture *c, uint32_t frames, int64_t ns)
{
    double due = rigd_line_at(&c->line, c->tape->shape.sample_rate_hz, ns) - rigd_host_slack(&c->host, frames);
    int64_t counted = c->next_frame + (int64_t)c->pending_lost;
    uint64_t passed = due > (double)counted ? (uint64_t)(due - (double)counted) : 0;
    count(&c->tape->head->lost_frames, passed);
    lose(c, passed, RIGD_AHEAD | RIGD_ESTIMATED);
    c->last_ns = ns;
    c->has_clock = 0;
    c->adc.known = 0;
}

/* Time brings the blocks again. This one is as late as it is against those that kept to time before it. */
static void end_ahead(rigd_capture *c, uint32_t frames, int64_t ns)
{
    double late = c->ahead.late - c->ahead.least;
    double begins = rigd_line_at(&c->line, c->tape->shape.sample_rate_hz, ns) - late - frames;
    int64_t counted = c->next_frame + (int64_t)c->pending_lost;
    if (begins > (double)counted) {
        c->pending_lost += (uint64_t)(begins - (double)counted);
        count(&c->tape->head->lost_frames, (uint64_t)(begins - (double)counted));
    }
    c->ahead.on = 0;
}

void rigd_capture_block(rigd_capture *c, const float *const *rows, uint32_t frames, double adc_time,
                        int64_t ns, uint32_t driver_flags)
{
    header *h = c->tape->head;
    double rate = c->tape->shape.sample_rate_hz, last_jump = 0.0;
    uint32_t flags = driver_flags & (RIGD_OVERFLOW | RIGD_UNDERFLOW), found;
    uint64_t lost = 0;
    if (frames == 0) {
        count(&h->zero_blocks, 1);
        count(&h->xruns, flags != 0);
        c->empty_flags |= flags;
        return;
    }
    rigd_wakes_note(&c->wakes, frames, ns);
    if (atomic_load(&c->measure_only))
        return;
    if (c->resuming) {
        c->line = (rigd_line){0};
        c->host = (rigd_host){0};
        c->adc = (rigd_adc){0};
        c->ahead = (rigd_ahead){0};
    }
    int begins = rigd_host_look(&c->host, rate, frames, ns);
    c->told = c->told && !begins;
    if (c->told) /* a host hands the flag of one xrun to every callback of a wake-up */
        flags &= ~(uint32_t)RIGD_OVERFLOW;
    count(&h->xruns, flags != 0);
    flags |= c->empty_flags;
    c->empty_flags = 0;
    c->told = c->told || (flags & RIGD_OVERFLOW) != 0;
    if (c->ahead.on) {
        if (!rigd_ahead_look(&c->ahead, rate, rigd_host_slack(&c->host, frames), frames, ns, begins)) {
            run_ahead(c, frames, ns);
            return;
        }
        end_ahead(c, frames, ns);
    }
    if (c->resuming) {
        lost = lost_while_away(c, frames, ns);
        flags |= RIGD_RESUMED | RIGD_ESTIMATED;
        c->resuming = 0;
    } else {
        int64_t first = c->next_frame + (int64_t)c->pending_lost, end = first + (int64_t)frames;
        if (!rigd_line_look(&c->line, &c->host, rate, end, frames, ns)) {
            rigd_ahead_look(&c->ahead, rate, 0.0, frames, ns, begins);
            run_ahead(c, frames, ns);
            return;
        }
        double later = rigd_adc_look(&c->adc, rate, adc_time, first);
        double jump = stamps_jump(c, frames, ns) - rigd_host_coming(&c->host) * (double)begins;
        if ((flags & RIGD_OVERFLOW) != 0) {
            lost = lost_by_overflow(c, frames, later, jump, ns);
            flags |= lost > 0 ? RIGD_ESTIMATED : 0;
            if (lost > 0)
                rigd_line_lose(&c->line, rate, lost, ns);
            jump = 0.0;
        } else if ((found = rigd_line_shift(&c->line, &c->host, &c->adc, rate, c->told_frames, end, frames, ns)) > 0) {
            c->shift_frames = found;
            c->shift_since = c->line.late_since;
            flags |= RIGD_SUSPECT;
            count(&h->suspects, 1);
        }
        rigd_adc_learn(&c->adc, rate, rigd_host_slack(&c->host, frames), frames, lost, c->line.late_blocks > 0);
        last_jump = jump > frames && jump > rate / 50.0 ? jump : 0.0;
    }
    c->last_jump = last_jump;
    c->has_clock = 1;
    c->last_ns = ns;
    count(&h->lost_frames, lost);
    c->pending_lost += lost;
    /* What was put together from before the loss and from after it has no place on either side of it. */
    int is_torn = lost > 0 && (flags & RIGD_OVERFLOW) != 0 && (c->blocks_are == RIGD_BLOCKS_ADAPTED
                  || (c->blocks_are == RIGD_BLOCKS_UNKNOWN && rigd_host_bunches(&c->host)));
    int has_memory = c->position + frames <= relaxed(&c->ready); /* a page that is not there could cost the process */
    if (rows == NULL || is_torn || !has_memory || frames > c->tape->shape.capacity_frames / 2) {
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
    for (uint32_t i = 0; i < c->inputs; i++)
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
