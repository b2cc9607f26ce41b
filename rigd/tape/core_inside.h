/* What the parts of the C core share: the layout of a tape and how to find one's way on it.
 *
 * Order of one block (C11, so also on ARM): `intended` is raised, then a fence, then the holds are read;
 * if none is in the way `reserved` is raised, then a fence, then rows, levels and log entry are written, then
 * `written` and `blocks` are raised with release. Who takes a hold stores it, fences, and looks at
 * `intended`: one of the two sees the other. Of a spare hold in the way capture
 * lets go by compare-and-swap, and by compare-and-swap owners advance: one that was let go of stays so until its
 * owner has seen it. A reader loads `blocks` with acquire, copies, fences, and loads
 * `reserved`: what lies below reserved - capacity may have been overwritten while it copied, the rest was
 * not. Two words, because an intention that a hold stops must not look to its holder like a loss. */
#ifndef RIGD_CORE_INSIDE_H
#define RIGD_CORE_INSIDE_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "core.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the tape needs lock-free 64-bit atomics");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tape and files are little-endian");
_Static_assert(sizeof(rigd_block) == 64, "a log entry is one cache line");

/* One wider copy of the hot loops for the machines that have it; chosen by the loader. The sanitizers
 * are not ready yet when the loader chooses. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__gnu_linux__) \
    && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/* For copies that may be overwritten under the reader and are checked afterwards (seqlock). */
#if defined(__clang__)
#define CHECKED_AFTER __attribute__((no_sanitize("thread"), noinline))
#elif defined(__SANITIZE_THREAD__)
#define CHECKED_AFTER __attribute__((no_sanitize_thread, noinline))
#else
#define CHECKED_AFTER
#endif

#define PAGE 4096u
#define LOG_WORDS 8u
#define FREE UINT64_MAX /* position of a hold that holds nothing, or was let go of */

typedef _Atomic uint64_t word;

typedef struct {
    char magic[8];
    uint32_t layout_version, header_bytes;
    rigd_shape shape;
    uint64_t log_offset, level_offset, rows_offset, file_bytes;
    alignas(64) word intended;        /* rows up to here will be written unless a hold is in the way */
    word blocks_intended;             /* the same for the block log and the level log */
    word reserved, blocks_reserved;   /* up to here they may be being written at this moment */
    alignas(64) word written;         /* rows up to here are there */
    alignas(64) word blocks;          /* log entries up to here are there, and their rows */
    word next_frame;                  /* first frame of the next block; runs on while blocks are dropped */
    alignas(64) word xruns;
    word dropped_blocks, lost_frames, suspects, clamped, zero_blocks;
    alignas(64) word hold_position[RIGD_HOLDS];
    alignas(64) word hold_key[RIGD_HOLDS];
    word hold_owner[RIGD_HOLDS], hold_owner_started[RIGD_HOLDS];
} header;

_Static_assert(sizeof(header) <= PAGE, "the header is one page");

typedef struct { float peak, energy; uint32_t clipped; } level;
#define CLIP (8388607.0f / 8388608.0f) /* |x| from here on: full scale of either 24-bit scale */

struct rigd_tape {
    header *head;
    word *log;       /* log_blocks x LOG_WORDS */
    level *levels;   /* level_blocks x channels */
    float *rows;     /* stretches x channels x frames of a stretch; see row */
    rigd_shape shape;
    uint64_t file_bytes;
};

static inline uint64_t relaxed(word *w) { return atomic_load_explicit(w, memory_order_relaxed); }

static inline word *log_entry(const rigd_tape *t, uint64_t index)
{
    return t->log + (index & (t->shape.log_blocks - 1)) * LOG_WORDS;
}

/* The lowest position whose row is not overwritten once rows up to `end` are written. */
static inline uint64_t lowest_behind(const rigd_tape *t, uint64_t end)
{
    uint64_t origin = t->shape.origin_position;
    return end - origin > t->shape.capacity_frames ? end - t->shape.capacity_frames : origin;
}

static inline uint64_t lowest_row_position(const rigd_tape *t)
{
    return lowest_behind(t, atomic_load(&t->head->reserved));
}

/* Rows lie side by side in stretches of frames, not each by itself over the whole tape: a block of all channels
 * then lies together, and the processor finds its pages in fewer steps. Capture of 256 rows: 25 ms/s to 18. */
#define STRETCH 4096u
static inline uint64_t stretch(const rigd_tape *t)
{
    return t->shape.capacity_frames < STRETCH ? t->shape.capacity_frames : STRETCH;
}

static inline float *row(const rigd_tape *t, uint32_t channel, uint64_t position)
{
    uint64_t place = position & (t->shape.capacity_frames - 1), within = place & (stretch(t) - 1);
    return t->rows + (place - within) * t->shape.channels + channel * stretch(t) + within;
}

/* How many of `frames` from `position` on lie in one piece. */
static inline uint64_t in_one_piece(const rigd_tape *t, uint64_t position, uint64_t frames)
{
    uint64_t left = stretch(t) - (position & (stretch(t) - 1));
    return frames < left ? frames : left;
}

/* One row of a block is on the tape, and added to what was measured of it. `next` is the row that comes next.
 * Returns how many samples were no numbers, and are 0 there. Nobody may be told of a row before
 * rigd_end_stores. */
uint32_t rigd_store_row(float *to, const float *in, size_t n, const float *next, level *measured);
void rigd_end_stores(void);

/* What the host brings at once; see core_host.c. All zero at the start of a stream. */
#define WAKES_KEPT 8
typedef struct {
    uint32_t wakes;                       /* how many there were */
    int64_t began_ns, before_ns, last_ns; /* this wake-up, the one before it, the last callback */
    uint32_t frames, blocks, block_frames; /* of this wake-up so far, and of its first block */
    int even;                             /* its blocks are all of one length */
    uint32_t kept[WAKES_KEPT];            /* how many frames the last wake-ups brought */
    uint32_t unit;                        /* how many one brings, as learnt */
    int bunching;                         /* how regularly it is several even blocks */
} rigd_host;

/* Takes in a block. Returns 1 when it is the first one of a wake-up. */
int rigd_host_look(rigd_host *host, double rate_hz, uint32_t frames, int64_t ns);
int rigd_host_bunches(const rigd_host *host);
/* By so many frames blocks may move against the clock and nothing was lost. */
double rigd_host_slack(const rigd_host *host, uint32_t frames);
/* How many frames are still to come with this wake-up, as a rule. */
uint32_t rigd_host_coming(const rigd_host *host);

/* The driver's own clock, in frames; see core_host.c. All zero at the start of a stream. */
typedef struct {
    int known; /* 1: of this block only, 2: of some before it */
    int odd;
    double at, mean, base; /* of this block, of those before it, and of the earliest of them: its stamp less its frame */
    double moved, over;    /* how far the mean moved over how many frames: the card's drift */
} rigd_adc;

/* How much later than the ones before it this block was sampled; 0 where the driver has no clock. */
double rigd_adc_look(rigd_adc *adc, double rate_hz, double adc_time, int64_t first_frame);
/* Takes the block in, once it is known how many frames were lost before it. */
void rigd_adc_learn(rigd_adc *adc, double rate_hz, double slack, uint32_t frames, uint64_t lost, int is_late);

/* Where timely blocks lie; see core_line.c. All zero at the start of a stream. */
typedef struct {
    uint32_t blocks;      /* while it settles */
    int is_old;           /* it has had time to fall to where it belongs */
    int64_t frame, ns;    /* its origin */
    double base;          /* how late timely blocks are against the nominal rate, in frames */
    double fell, fall;    /* by so much with this block, and so much it may fall at once */
    int64_t before_ns;    /* of the block before */
    double early;         /* so much before the line blocks may come and be brought by time */
    double lag, last_lag; /* how much later this block and the one before came, in frames */
    double doubt;         /* base may be too high by so much, until doubt_ns */
    int64_t doubt_ns;
    uint32_t late_blocks;
    int64_t late_since, late_ns;
    double late_lag, least_lag; /* at late_ns, and the least since */
    double least_adc;     /* the same by the driver's clock */
    int has_adc;
} rigd_line;

/* Takes in a block that ended with `end_frame`, frames that are known to be lost not counted. Returns 0, and takes
 * nothing in, when it came so early that it cannot be time that brought it. */
int rigd_line_look(rigd_line *line, const rigd_host *host, double rate_hz, int64_t end_frame, uint32_t frames,
                   int64_t ns);
int rigd_line_is_settled(const rigd_line *line);

/* The frame with which a block ends that comes at `ns` and is timely. */
double rigd_line_at(const rigd_line *line, double rate_hz, int64_t ns);

/* Frames were counted as lost: the line is no surer than that. */
void rigd_line_lose(rigd_line *line, double rate_hz, uint64_t lost, int64_t ns);

/* For an overflow that was told a block late, as JACK's xruns are through PortAudio: how many whole blocks
 * this one and the one before are late. */
uint64_t rigd_line_lost(const rigd_line *line, uint32_t frames);

/* Once blocks have been late for so long that some must have been lost, from `late_since` on: about how many
 * frames. Once a loss; else 0. */
uint32_t rigd_line_shift(rigd_line *line, const rigd_host *host, rigd_adc *adc, double rate_hz, uint32_t told_frames,
                         int64_t end_frame, uint32_t frames, int64_t ns);

/* Blocks that come faster than time; see core_line.c. */
typedef struct {
    int on;
    int64_t calm_ns;       /* since then they have kept to time */
    uint64_t calm_frames;
    uint32_t calm_wakes;
    double late, least;    /* of this block, and of the least late one since */
} rigd_ahead;

/* Takes in a block while it is on. Returns 1 when blocks have kept to time again for long enough. */
int rigd_ahead_look(rigd_ahead *ahead, double rate_hz, double slack, uint32_t frames, int64_t ns, int begins);

/* The lowest position that both the rows and the block log still have, and will have after the block that
 * capture is about to write. */
uint64_t rigd_lowest_position(const rigd_tape *tape);
/* What was delivered; see core_wakes.c. All zero at first. */
typedef struct {
    int64_t first_ns, last_ns, frames; /* of the wake-up that goes on, and the sum of all */
    word count, reserved;
    word wakes[RIGD_MOST_WAKES][2];
} rigd_wakes;

void rigd_wakes_note(rigd_wakes *wakes, uint32_t frames, int64_t ns);
uint32_t rigd_wakes_read(rigd_wakes *wakes, int64_t since_ns, uint32_t most, rigd_point *found);

#endif
