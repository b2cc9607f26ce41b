/* The tape's C core: a loop in shared memory, one planar float32 row a channel.
 *
 * One thread of one process writes (the audio callback); any number of processes read. Nothing here
 * locks, allocates, prints or makes a system call on the way of a block. Frames are absolute and run on
 * across gaps; positions count only what is stored, and a row keeps the last `capacity_frames` of them.
 * The part between the two marks below is read by core_build.py as the declarations for Python. */
#ifndef RIGD_CORE_H
#define RIGD_CORE_H
#include <stddef.h>
#include <stdint.h>

/* cdef begin */
#define RIGD_LAYOUT_VERSION 4
#define RIGD_MOST_CHANNELS 1024
#define RIGD_HOLDS 96
#define RIGD_FIRM_HOLDS 32 /* slots before this one are firm, the others spare */

/* Flags of a block in the block log. A driver may pass OVERFLOW and UNDERFLOW; the core sets the rest. */
#define RIGD_OVERFLOW 1    /* the driver says that it lost input before this block */
#define RIGD_TAPE_FULL 2   /* blocks before this one were dropped whole: a hold was in the way */
#define RIGD_RESUMED 4     /* the first block after capture was started again */
#define RIGD_ESTIMATED 8   /* lost_before comes from a clock; without this flag it was counted */
#define RIGD_SUSPECT 16    /* frames seem to have been lost without a word; nothing inserted */
#define RIGD_CLAMPED 32    /* NaN or infinite samples were replaced by 0 */
#define RIGD_UNDERFLOW 64  /* the driver says that it put zeros into this block */
#define RIGD_AHEAD 128     /* blocks before this one came faster than time and were dropped */

#define RIGD_NO_CAUSE 0
#define RIGD_CAUSE_OVERFLOW 1
#define RIGD_CAUSE_TAPE_FULL 2
#define RIGD_CAUSE_CAPTURE_RESTARTED 3
#define RIGD_CAUSE_INTERFACE_LOST 4
#define RIGD_CAUSE_OVERWRITTEN 5
#define RIGD_CAUSE_FREEWHEEL 6

/* Whether a block is what the host brought at once, or was put together by somebody in between, who may have kept
 * some frames from before a loss. Where nobody says, it is learnt from the stream. */
#define RIGD_BLOCKS_UNKNOWN 0
#define RIGD_BLOCKS_WHOLE 1
#define RIGD_BLOCKS_ADAPTED 2

#define RIGD_NOT_A_TAPE 1
#define RIGD_OTHER_LAYOUT 2
#define RIGD_BROKEN_HEADER 3
#define RIGD_SHORT_FILE 4
#define RIGD_NO_MAP 5

#define RIGD_NOTHING 0
#define RIGD_RUN 1
#define RIGD_LOST 2
#define RIGD_MARK 3

#define RIGD_NO_FREE_HOLD -1
#define RIGD_KEY_IN_USE -2
#define RIGD_LET_GO -3

#define RIGD_MOST_WAKES 2048

typedef struct rigd_tape rigd_tape;
typedef struct rigd_capture rigd_capture;

typedef struct {
    uint32_t channels, sample_rate_hz;
    uint64_t capacity_frames;          /* power of two */
    uint64_t log_blocks, level_blocks; /* powers of two, level_blocks <= log_blocks */
    double full_scale;                 /* what the driver divides a 24-bit code by */
    uint64_t tape_id;
    uint64_t origin_position;          /* position and frame of the first block, 0 but for tests */
    int64_t origin_frame;
} rigd_shape;

typedef struct {
    uint64_t position;    /* where its first frame is stored */
    int64_t first_frame;  /* absolute */
    uint32_t frames;
    uint16_t flags;
    uint8_t cause, clamped; /* cause: of lost_before; clamped: up to 255 */
    uint32_t shift_frames, shift_back; /* of a SUSPECT: about how many, and how far before first_frame */
    double adc_time;      /* the driver's clock at first_frame, seconds; <= 0 where it has none */
    int64_t monotonic_ns; /* CLOCK_MONOTONIC when the block was delivered, so at its end */
    uint64_t lost_before; /* frames between the block before and this one */
    uint64_t index;       /* how many blocks were stored before it */
} rigd_block;

typedef struct {
    uint64_t written, blocks, xruns, dropped_blocks, lost_frames, suspects, clamped, zero_blocks;
    int64_t next_frame;
} rigd_counters;

typedef struct { uint64_t block, marked; int64_t frame; } rigd_cursor;
typedef struct { uint64_t position, frames; int64_t frame; uint32_t cause, flags; } rigd_piece;
typedef struct { int64_t monotonic_ns, end_frame; } rigd_point;
typedef struct { uint64_t clipped, first, last; float peak; } rigd_loudness; /* first, last: from the first frame on */
typedef struct { uint64_t key, owner, owner_started, position; } rigd_hold;

/* Making, mapping. All return 0 or one of the words above; errno is meant with RIGD_NO_MAP. */
uint64_t rigd_tape_bytes(const rigd_shape *shape);
uint64_t rigd_tape_head_bytes(const rigd_shape *shape); /* before the rows */
int rigd_tape_format(int fd, const rigd_shape *shape);
int rigd_tape_map(int fd, uint64_t file_bytes, int writable, rigd_tape **tape, uint32_t *layout_found);
void rigd_tape_unmap(rigd_tape *tape);
/* What the kernel gives the tape as memory from now on stays there: pages that have been touched, and no others. 0 or
 * errno. */
int rigd_tape_lock(rigd_tape *tape);
/* Memory for everything before the rows, or for the rows of `frames` frames from `position` on: it is the tape's, zeroed
 * and mapped, so that whoever writes there neither waits for a page nor meets a tmpfs that is full. `fd` is the tape's
 * file. What was written is left as it is. 0 or errno. */
int rigd_tape_take_head(rigd_tape *tape, int fd);
int rigd_tape_take_rows(rigd_tape *tape, int fd, uint64_t position, uint64_t frames);
/* For who only reads, once all memory is taken: all of it is mapped, in one go. */
void rigd_tape_map_in(rigd_tape *tape);
void rigd_tape_shape(const rigd_tape *tape, rigd_shape *shape);
void rigd_tape_counters(const rigd_tape *tape, rigd_counters *counters);

/* Reading. Any thread of any process. */
uint64_t rigd_oldest(const rigd_tape *tape, int64_t *frame); /* the oldest position still there */
uint64_t rigd_position_of(const rigd_tape *tape, int64_t frame);
int rigd_block_at(const rigd_tape *tape, uint64_t index, rigd_block *block); /* 1 there, 0 not yet, -1 gone */
void rigd_cursor_set(const rigd_tape *tape, rigd_cursor *cursor, int64_t frame);
int rigd_cursor_next(const rigd_tape *tape, rigd_cursor *cursor, uint64_t most_frames, rigd_piece *piece);
uint32_t rigd_points(const rigd_tape *tape, uint64_t before_block, int64_t window_ns, uint32_t most,
                     rigd_point *points, uint64_t *first_block);
uint64_t rigd_levels(const rigd_tape *tape, uint64_t from_block, float *peak, double *energy,
                     uint64_t *clipped, uint64_t *frames, int64_t *end_frame);

/* dBFS of `channels` peaks, and of energies over so many frames, no lower than `floor`. */
void rigd_dbfs(const float *peak, const double *energy, uint32_t channels, uint64_t frames, double floor,
               double *peak_dbfs, double *rms_dbfs);
/* How loud `frames` frames from `position` on are, channel by channel; channels count from 0. A sample clips that is at
 * full scale of either 24-bit scale. Returns as packing does. */
int rigd_loudness_of(const rigd_tape *tape, const uint32_t *channels, uint32_t count, uint64_t position,
                     uint64_t frames, rigd_loudness *found);

/* The same of one channel's samples as they stand in a mono file. */
void rigd_loudness_of_file(const uint8_t *in, uint64_t frames, int as_float32, rigd_loudness *found);

/* Packing `frames` frames from `position`; channels count from 0. Mono: channel i goes to
 * out + i * stride_bytes. Poly: interleaved, in the order given. Returns 0, or -1 when the tape was
 * overwritten under the reader, and what is in `out` is worthless. */
int rigd_pack_int24(const rigd_tape *tape, const uint32_t *channels, uint32_t count, uint64_t position,
                    uint64_t frames, uint8_t *out, uint64_t stride_bytes);
int rigd_pack_float32(const rigd_tape *tape, const uint32_t *channels, uint32_t count, uint64_t position,
                      uint64_t frames, uint8_t *out, uint64_t stride_bytes);
int rigd_pack_poly_int24(const rigd_tape *tape, const uint32_t *channels, uint32_t count, uint64_t position,
                         uint64_t frames, uint8_t *out);
int rigd_pack_poly_float32(const rigd_tape *tape, const uint32_t *channels, uint32_t count,
                           uint64_t position, uint64_t frames, uint8_t *out);

/* Packs row after row into `room`, which has place for one, and writes each to its file at `offset`. Returns 0,
 * -1 as above, or errno, with the file's place in `fds`. */
int rigd_write_rows(const rigd_tape *tape, int as_float32, const uint32_t *channels, const int *fds,
                    uint32_t count, uint64_t position, uint64_t frames, int64_t offset, uint8_t *room,
                    uint32_t *place);

/* Holds: nothing at or after a held position is overwritten. A block that a firm hold is in the way of is dropped;
 * of a spare one that is in the way capture lets go. Its owner still has the slot then, and sees it at its next
 * advance: its position is UINT64_MAX. `replaces`: the owner's own slot of the same key, which it will release;
 * -1 for none. */
int rigd_hold_take(rigd_tape *tape, int spare, uint64_t key, uint64_t owner, uint64_t owner_started,
                   uint64_t position, int replaces,
                   uint64_t *held); /* the slot, or RIGD_NO_FREE_HOLD, RIGD_KEY_IN_USE */
int rigd_hold_adopt(rigd_tape *tape, int slot, uint64_t from_owner, uint64_t owner, uint64_t owner_started);
int rigd_hold_advance(rigd_tape *tape, int slot, uint64_t position); /* 0, or RIGD_LET_GO */
uint64_t rigd_hold_renew(rigd_tape *tape, int slot, uint64_t position); /* after RIGD_LET_GO: what is held now */
void rigd_hold_release(rigd_tape *tape, int slot);
void rigd_hold_read(const rigd_tape *tape, int slot, rigd_hold *hold);
uint32_t rigd_holds(const rigd_tape *tape, rigd_hold *holds, uint32_t *slots); /* all that are taken; room for all */

/* Writing: one capture a tape, all from the one thread that has the audio. */
rigd_capture *rigd_capture_open(rigd_tape *tape);
void rigd_capture_close(rigd_capture *capture);
/* Blocks bring rows of so many inputs only; the tape's other rows are silence. All of them unless told. */
void rigd_capture_inputs(rigd_capture *capture, uint32_t inputs);
/* Rows before this position have their memory; a block that would end behind it is lost. All of them unless told. Any
 * thread of the process. */
void rigd_capture_ready(rigd_capture *capture, uint64_t end_position);
/* What the driver knows of its host: RIGD_BLOCKS_..., and how many frames it cannot lose without a word (ALSA's whole
 * buffer; 0: any). */
void rigd_capture_host(rigd_capture *capture, uint32_t blocks, uint32_t told_frames);
void rigd_capture_resume(rigd_capture *capture, int64_t anchor_frame, int64_t anchor_ns, double rate_hz,
                         uint32_t cause);
/* How many frames a wake-up of the host brings, where that is more than a block: after rigd_capture_resume the first
 * block is delivered together with those behind it, and so that much later than its own end. */
void rigd_capture_wake_frames(rigd_capture *capture, uint32_t frames);
/* While told so, blocks are counted and stamped, and none is stored. Any thread of the process. The first block that is
 * stored again is placed by the clock where rigd_capture_resume was called before. */
void rigd_capture_measure_only(rigd_capture *capture, int measure_only);
/* What was delivered since the capture was opened, stored or not: wake-ups with the sum of frames after each, the
 * newest `most` from `since_ns` on, oldest first. Returns how many. Any thread of the process. */
uint32_t rigd_capture_wakes(const rigd_capture *capture, int64_t since_ns, uint32_t most, rigd_point *wakes);
void rigd_capture_block(rigd_capture *capture, const float *const *rows, uint32_t frames, double adc_time,
                        int64_t monotonic_ns, uint32_t flags);
void rigd_capture_planar(rigd_capture *capture, const float *first, uint64_t row_floats, uint32_t frames,
                         double adc_time, int64_t monotonic_ns, uint32_t flags);

typedef struct { double input_adc_time, current_time, output_dac_time; } rigd_pa_time;
int rigd_pa_callback(const void *input, void *output, unsigned long frames, const rigd_pa_time *time,
                     unsigned long flags, void *capture);

/* The thread that delivers blocks. 0 or errno; ESRCH while no callback has come yet. */
int rigd_capture_raise(rigd_capture *capture, int priority);
int rigd_capture_policy(rigd_capture *capture, int *policy, int *priority);

/* What Python's os does not have, or not for many files in one go. 0 or errno. */
int rigd_syncfs(int fd);
int rigd_keep_room(int fd, int64_t offset, int64_t bytes); /* blocks for a stretch of a file; its size stays */
/* `bytes` bytes of `heads` for each file, one behind the other, stand at the file's beginning; back to back, so that a reader
 * finds files that agree. Where one fails `place` is its place. */
int rigd_write_heads(const int *fds, uint32_t count, const uint8_t *heads, uint64_t bytes, uint32_t *place);
/* How many of these files, from the first on, have a name in a folder: `count` where all do. One that cannot be asked has. */
uint32_t rigd_named(const int *fds, uint32_t count);
/* cdef end */
#endif
