/* The tape's C core, second part: reading. The block log, cursors, points of the timeline, levels. */
#include "core_inside.h"

#include <math.h>

int rigd_block_at(const rigd_tape *t, uint64_t index, rigd_block *block)
{
    uint64_t words[LOG_WORDS];
    if (index >= atomic_load_explicit(&t->head->blocks, memory_order_acquire))
        return 0;
    word *entry = log_entry(t, index);
    for (unsigned i = 0; i < LOG_WORDS; i++)
        words[i] = relaxed(&entry[i]);
    atomic_thread_fence(memory_order_acquire);
    if (relaxed(&t->head->blocks_reserved) > index + t->shape.log_blocks)
        return -1;
    memcpy(block, words, sizeof *block);
    return 1;
}

/* The first block that ends after `frame` (by_position: after that position); `blocks` if none does.
 * Blocks that are gone count as ended before. */
static uint64_t first_ending_after(const rigd_tape *t, int64_t at, int by_position)
{
    rigd_block b;
    uint64_t high = atomic_load_explicit(&t->head->blocks, memory_order_acquire);
    uint64_t low = high > t->shape.log_blocks ? high - t->shape.log_blocks : 0;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int64_t end = INT64_MIN;
        if (rigd_block_at(t, middle, &b) == 1)
            end = (by_position ? (int64_t)b.position : b.first_frame) + (int64_t)b.frames;
        if (end > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint64_t rigd_lowest_position(const rigd_tape *t)
{
    for (;;) {
        rigd_block b;
        uint64_t lowest = lowest_behind(t, atomic_load(&t->head->intended));
        uint64_t blocks = atomic_load(&t->head->blocks_intended);
        if (blocks <= t->shape.log_blocks)
            return lowest;
        if (rigd_block_at(t, blocks - t->shape.log_blocks, &b) == 1)
            return b.position > lowest ? b.position : lowest;
    }
}

uint64_t rigd_oldest(const rigd_tape *t, int64_t *frame)
{
    for (;;) {
        rigd_block b;
        uint64_t lowest = rigd_lowest_position(t);
        uint64_t index = first_ending_after(t, (int64_t)lowest, 1);
        int there = rigd_block_at(t, index, &b);
        if (there == 0) {
            *frame = (int64_t)relaxed(&t->head->next_frame);
            return lowest;
        }
        if (there == 1) {
            uint64_t position = b.position > lowest ? b.position : lowest;
            *frame = b.first_frame + (int64_t)(position - b.position);
            return position;
        }
    }
}

uint64_t rigd_position_of(const rigd_tape *t, int64_t frame)
{
    for (;;) {
        rigd_block b;
        uint64_t written = atomic_load_explicit(&t->head->written, memory_order_acquire);
        int there = rigd_block_at(t, first_ending_after(t, frame, 0), &b);
        if (there == 0)
            return written;
        if (there == 1)
            return b.position + (frame > b.first_frame ? (uint64_t)(frame - b.first_frame) : 0);
    }
}

void rigd_cursor_set(const rigd_tape *t, rigd_cursor *cursor, int64_t frame)
{
    cursor->frame = frame;
    cursor->marked = 0;
    cursor->block = first_ending_after(t, frame, 0);
}

static int has_mark(const rigd_block *b)
{
    return (b->flags & (RIGD_SUSPECT | RIGD_UNDERFLOW)) != 0
        || ((b->flags & RIGD_OVERFLOW) != 0 && b->lost_before == 0);
}

int rigd_cursor_next(const rigd_tape *t, rigd_cursor *c, uint64_t most_frames, rigd_piece *piece)
{
    for (;;) {
        rigd_block b;
        int there = rigd_block_at(t, c->block, &b);
        if (there == 0)
            return RIGD_NOTHING;
        uint64_t lowest = lowest_row_position(t);
        if (there < 0 || b.position + b.frames <= lowest) {
            uint64_t oldest = first_ending_after(t, (int64_t)lowest, 1);
            c->block = oldest > c->block ? oldest : c->block + 1;
            continue;
        }
        int64_t end = b.first_frame + (int64_t)b.frames;
        if (end <= c->frame) {
            c->block++;
            continue;
        }
        uint64_t position = b.position > lowest ? b.position : lowest;
        int64_t first = b.first_frame + (int64_t)(position - b.position);
        piece->frame = c->frame;
        piece->flags = b.flags;
        piece->cause = RIGD_NO_CAUSE;
        if (c->frame < first) {
            int64_t gap = b.first_frame - (int64_t)b.lost_before;
            piece->cause = RIGD_CAUSE_OVERWRITTEN;
            if (first == b.first_frame) {
                if (c->frame >= gap)
                    piece->cause = b.cause;
                else
                    first = gap;
            }
            piece->position = position;
            piece->frames = (uint64_t)(first - c->frame);
            c->frame = first;
            return RIGD_LOST;
        }
        if (c->frame == b.first_frame && has_mark(&b) && c->marked != b.index + 1) {
            c->marked = b.index + 1;
            piece->position = position;
            piece->frames = b.shift_frames; /* 0 but for a SUSPECT, which tells of frames before it */
            piece->frame -= b.shift_back;
            return RIGD_MARK;
        }
        piece->position = b.position + (uint64_t)(c->frame - b.first_frame);
        while ((uint64_t)(end - c->frame) < most_frames && rigd_block_at(t, c->block + 1, &b) == 1
               && b.lost_before == 0 && !has_mark(&b)) {
            end = b.first_frame + (int64_t)b.frames;
            c->block++;
        }
        piece->frames = (uint64_t)(end - c->frame);
        if (piece->frames > most_frames)
            piece->frames = most_frames;
        c->frame += (int64_t)piece->frames;
        return RIGD_RUN;
    }
}

/* Newest first. Blocks in groups, and of each group the one that came least late against the nominal
 * rate: a wake-up can only be late. Ends at the window or where the frame number was only estimated. */
uint32_t rigd_points(const rigd_tape *t, uint64_t before_block, int64_t window_ns, uint32_t most,
                     rigd_point *points, uint64_t *first_block)
{
    rigd_block b, last, first;
    uint64_t blocks = atomic_load_explicit(&t->head->blocks, memory_order_acquire);
    uint64_t low = blocks > t->shape.log_blocks ? blocks - t->shape.log_blocks : 0;
    blocks = before_block < blocks ? before_block : blocks;
    /* The last block before some that ran ahead may have been the first that did. */
    if (blocks > low + 1 && rigd_block_at(t, blocks, &b) == 1 && (b.flags & RIGD_AHEAD) != 0)
        blocks--;
    *first_block = blocks;
    if (blocks <= low || most == 0 || rigd_block_at(t, blocks - 1, &last) != 1)
        return 0;
    uint64_t high = blocks - 1;
    while (low < high) { /* the first block inside the window; stamps only grow */
        uint64_t middle = low + (high - low) / 2;
        if (rigd_block_at(t, middle, &first) == 1 && last.monotonic_ns - first.monotonic_ns <= window_ns)
            high = middle;
        else
            low = middle + 1;
    }
    uint64_t group = (blocks - low + most - 1) / most;
    uint32_t count = 0;
    int64_t oldest_frame = INT64_MIN;
    double ns_per_frame = 1e9 / t->shape.sample_rate_hz, least_late = 0.0;
    for (uint64_t back = 0; back < blocks - low; back++) {
        if (rigd_block_at(t, blocks - 1 - back, &b) != 1)
            break;
        *first_block = b.index;
        int64_t end = b.first_frame + (int64_t)b.frames;
        double late = (double)(b.monotonic_ns - last.monotonic_ns)
            - (double)(end - last.first_frame - (int64_t)last.frames) * ns_per_frame;
        if (back % group == 0) {
            count++;
            least_late = late;
        }
        if (late <= least_late) {
            least_late = late;
            points[count - 1] = (rigd_point){b.monotonic_ns, end};
        }
        if ((b.flags & RIGD_SUSPECT) != 0 && oldest_frame == INT64_MIN)
            oldest_frame = b.first_frame - (int64_t)b.shift_back;
        if ((b.flags & (RIGD_ESTIMATED | RIGD_RESUMED)) != 0 || b.first_frame <= oldest_frame)
            break;
    }
    return count;
}

/* ---- reading: levels ---- */

CHECKED_AFTER static void add_levels(const rigd_tape *t, uint64_t block, level *sum)
{
    const level *of = t->levels + (block & (t->shape.level_blocks - 1)) * t->shape.channels;
    for (uint32_t i = 0; i < t->shape.channels; i++)
        sum[i] = of[i];
}

uint64_t rigd_levels(const rigd_tape *t, uint64_t from_block, float *peak, double *energy, uint64_t *clipped,
                     uint64_t *frames, int64_t *end_frame)
{
    level block_levels[RIGD_MOST_CHANNELS];
    rigd_block b;
    uint64_t blocks = atomic_load_explicit(&t->head->blocks, memory_order_acquire);
    uint64_t oldest = blocks > t->shape.level_blocks ? blocks - t->shape.level_blocks : 0;
    *frames = 0;
    for (uint64_t i = from_block > oldest ? from_block : oldest; i < blocks; i++) {
        add_levels(t, i, block_levels);
        atomic_thread_fence(memory_order_acquire);
        if (relaxed(&t->head->blocks_reserved) > i + t->shape.level_blocks || rigd_block_at(t, i, &b) != 1)
            continue;
        for (uint32_t c = 0; c < t->shape.channels; c++) {
            peak[c] = block_levels[c].peak > peak[c] ? block_levels[c].peak : peak[c];
            energy[c] += (double)block_levels[c].energy;
            clipped[c] += block_levels[c].clipped;
        }
        *frames += b.frames;
        *end_frame = b.first_frame + (int64_t)b.frames;
    }
    return blocks;
}

static double dbfs(double power, double value, double floor)
{
    double db = value > 0.0 ? 10.0 * power * log10(value) : floor;
    return db > floor ? db : floor;
}

void rigd_dbfs(const float *peak, const double *energy, uint32_t channels, uint64_t frames, double floor,
               double *peak_dbfs, double *rms_dbfs)
{
    for (uint32_t i = 0; i < channels; i++) {
        peak_dbfs[i] = dbfs(2.0, (double)peak[i], floor);
        rms_dbfs[i] = dbfs(1.0, energy[i] / (double)frames, floor);
    }
}
