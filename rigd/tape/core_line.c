/* The tape's C core: loss that a driver does not tell, or tells a block late.
 *
 * A block may come late, never early: against CLOCK_MONOTONIC all timely blocks lie on one line. A late
 * wake-up is late once; frames that were lost without a word leave all blocks after them late for good. */
#include "core_inside.h"

#include <math.h>

#define SETTLING_BLOCKS 12  /* a stream that has just begun may bring its first ones early */
#define LATE_BLOCKS 12
#define LATE_NS 500000000   /* no wake-up is late for so long */
#define FASTEST_DRIFT 1e-3  /* the line may rise so fast, for an interface that runs slow */

/* A block late by so many frames may have lost some: most of a block, and what is more than 2 ms. */
static double late_from(uint32_t frames, double rate_hz)
{
    return 0.75 * frames > rate_hz / 500.0 ? 0.75 * frames : rate_hz / 500.0;
}

void rigd_line_look(rigd_line *l, double rate_hz, int64_t end_frame, uint32_t frames, int64_t ns)
{
    if (l->blocks < SETTLING_BLOCKS) {
        *l = (rigd_line){.blocks = l->blocks + 1, .frame = end_frame, .ns = ns};
        return;
    }
    double late = (double)(ns - l->ns) * rate_hz / 1e9 - (double)(end_frame - l->frame);
    double lowest = l->base - late_from(frames, rate_hz) / 4.0; /* one mad stamp does not move the line */
    if (l->late_blocks == 0)
        l->base += frames * FASTEST_DRIFT;
    l->base = late < l->base ? (late > lowest ? late : lowest) : l->base;
    l->last_lag = l->lag;
    l->lag = late - l->base;
}

uint64_t rigd_line_lost(const rigd_line *l, uint32_t frames)
{
    double least = l->lag < l->last_lag ? l->lag : l->last_lag, blocks = round(least / frames);
    return blocks >= 1.0 && fabs(least - blocks * frames) < frames / 4.0 ? (uint64_t)blocks * frames : 0;
}

uint32_t rigd_line_shift(rigd_line *l, double rate_hz, int64_t end_frame, uint32_t frames, int64_t ns)
{
    double from = late_from(frames, rate_hz);
    if (l->lag < from) {
        l->late_blocks = 0;
        return 0;
    }
    if (l->late_blocks == 0)
        l->late_since = end_frame - (int64_t)frames;
    if (l->late_blocks == 0 || l->lag < l->late_lag - from) { /* it catches up: what was late had waited */
        l->late_blocks = 0;
        l->late_ns = ns;
        l->late_lag = l->least_lag = l->lag;
    }
    l->least_lag = l->lag < l->least_lag ? l->lag : l->least_lag;
    l->late_blocks++;
    if (l->late_blocks < LATE_BLOCKS || ns - l->late_ns < LATE_NS)
        return 0;
    l->base += l->least_lag; /* late is the new timely */
    l->late_blocks = 0;
    return l->least_lag < UINT32_MAX ? (uint32_t)llround(l->least_lag) : UINT32_MAX;
}
