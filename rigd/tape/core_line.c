/* The tape's C core: loss that a driver does not tell, or tells a block late, and blocks that time did not bring.
 *
 * A block may come late, never early: against CLOCK_MONOTONIC all timely blocks lie on one line. A late
 * wake-up is late once; frames that were lost without a word leave all blocks after them late for good. What lies
 * further before the line than a host's phase can move was not brought by time (JACK that freewheels). */
#include "core_inside.h"

#include <math.h>

#define SETTLING_BLOCKS 12  /* a stream that has just begun may bring its first ones early */
#define SETTLING_WAKES 4
#define SETTLED_BLOCKS 64   /* settled in any case */
#define YOUNG_NS 1000000000 /* so long the line may fall freely to where it belongs */
#define YOUNG_SECONDS 4.0   /* of sound: no host holds back as much, so no late wake-up brings as much at once */
#define LATE_BLOCKS 12
#define LATE_NS 500000000   /* no wake-up is late for so long */
#define FASTEST_DRIFT 1e-3  /* the line may rise so fast, for an interface that runs slow */
#define FASTEST_FALL 0.25   /* and fall so fast, in parts of the time that went by: a clock may be wrong, time not */
#define DOUBT_NS 1000000000
#define CALM_SECONDS 0.1
#define CALM_WAKES 3

/* A block late by so many frames may have lost some: most of what the host brings at once, and what is more
 * than 2 ms. */
static double late_from(double slack, double rate_hz)
{
    return 0.75 * slack > rate_hz / 500.0 ? 0.75 * slack : rate_hz / 500.0;
}

/* Stamps are good to so many frames. */
static double jitter(double rate_hz) { return rate_hz / 1000.0; }

int rigd_line_is_settled(const rigd_line *l) { return l->is_old; }

int rigd_line_look(rigd_line *l, const rigd_host *h, double rate_hz, int64_t end_frame, uint32_t frames, int64_t ns)
{
    if (l->blocks < SETTLING_BLOCKS || (l->blocks < SETTLED_BLOCKS && h->wakes < SETTLING_WAKES)) {
        *l = (rigd_line){.blocks = l->blocks + 1, .frame = end_frame, .ns = ns};
        return 1;
    }
    l->blocks += l->blocks < SETTLED_BLOCKS;
    double late = (double)(ns - l->ns) * rate_hz / 1e9 - (double)(end_frame - l->frame);
    double slack = rigd_host_slack(h, frames), doubt = ns < l->doubt_ns ? l->doubt : 0.0;
    /* Also by frames: a host that freewheels from the start takes no time. */
    l->is_old = l->is_old || ns - l->ns >= YOUNG_NS
        || (double)(end_frame - l->frame) >= rate_hz * YOUNG_SECONDS;
    if (l->is_old) {
        /* One mad stamp does not move the line, and blocks that run ahead do not take it with them: what it may fall
         * comes with time, and is used up. */
        double most = late_from(slack, rate_hz) / 4.0;
        double more = FASTEST_FALL * (double)(ns - l->before_ns) * rate_hz / 1e9;
        more = more < 0.0 ? 0.0 : more < most ? more : most;
        double fall = l->fall + more < most ? l->fall + more : most;
        /* The line may lie late by what a host brought at once before it brought less, until it has fallen. */
        double early = slack > l->early - more ? slack : l->early - more;
        /* Against the line before it fell to the last block: that may have been the first of these already. */
        if (l->base + l->fell - late > early + jitter(rate_hz) + doubt) {
            l->base += l->fell;
            l->fell = 0.0;
            return 0;
        }
        l->early = early;
        l->before_ns = ns;
        double lowest = l->base - fall;
        if (l->late_blocks == 0)
            l->base += frames * FASTEST_DRIFT;
        l->fell = l->base;
        l->base = late < l->base ? (late > lowest ? late : lowest) : l->base;
        l->fell -= l->base;
        l->fall = l->fell > 0.0 ? fall - l->fell : fall;
    } else {
        l->base = late < l->base ? late : l->base;
        l->early = slack;
        l->before_ns = ns;
    }
    l->last_lag = l->lag;
    l->lag = late - l->base;
    return 1;
}

double rigd_line_at(const rigd_line *l, double rate_hz, int64_t ns)
{
    return (double)l->frame + (double)(ns - l->ns) * rate_hz / 1e9 - l->base;
}

void rigd_line_lose(rigd_line *l, double rate_hz, uint64_t lost, int64_t ns)
{
    if (l->ns == ns) /* it settles: this block is its origin */
        l->frame += (int64_t)lost;
    else
        l->lag -= (double)lost;
    l->doubt = (ns < l->doubt_ns ? l->doubt : 0.0) + (double)lost;
    /* Where it was told too long, so many frames are caught up as fast as the line may fall. */
    l->doubt_ns = ns + DOUBT_NS + (int64_t)(2.0 * l->doubt / FASTEST_FALL / rate_hz * 1e9);
}

uint64_t rigd_line_lost(const rigd_line *l, uint32_t frames)
{
    double least = l->lag < l->last_lag ? l->lag : l->last_lag, blocks = round(least / frames);
    return blocks >= 1.0 && fabs(least - blocks * frames) < frames / 4.0 ? (uint64_t)blocks * frames : 0;
}

uint32_t rigd_line_shift(rigd_line *l, const rigd_host *h, rigd_adc *adc, double rate_hz, uint32_t told_frames,
                         int64_t end_frame, uint32_t frames, int64_t ns)
{
    double slack = rigd_host_slack(h, frames), from = late_from(slack, rate_hz);
    double lag = l->lag - rigd_host_coming(h), by_adc = adc->at - adc->base;
    by_adc = by_adc < -from ? lag : by_adc; /* that clock was set back: it says nothing */
    if (lag < from) {
        l->late_blocks = 0;
        return 0;
    }
    if (l->late_blocks == 0)
        l->late_since = end_frame - (int64_t)frames;
    if (l->late_blocks == 0 || lag < l->late_lag - from) { /* it catches up: what was late had waited */
        l->late_blocks = 0;
        l->late_ns = ns;
        l->late_lag = l->least_lag = lag;
        l->least_adc = by_adc;
        l->has_adc = adc->known;
    }
    l->least_lag = lag < l->least_lag ? lag : l->least_lag;
    l->least_adc = by_adc < l->least_adc ? by_adc : l->least_adc;
    l->has_adc = l->has_adc && adc->known;
    l->late_blocks++;
    if (l->late_blocks < LATE_BLOCKS || ns - l->late_ns < LATE_NS)
        return 0;
    l->late_blocks = 0;
    /* Blocks that are late for good, and were sampled when they should have been: the host holds more back. */
    double lost = l->has_adc && l->least_adc < l->least_lag ? l->least_adc : l->least_lag;
    if (lost < from || lost < told_frames)
        return 0;
    l->base += l->least_lag; /* late is the new timely */
    adc->base += lost;
    l->doubt = l->least_lag;
    l->doubt_ns = ns + DOUBT_NS;
    return lost < UINT32_MAX ? (uint32_t)llround(lost) : UINT32_MAX;
}

int rigd_ahead_look(rigd_ahead *a, double rate_hz, double slack, uint32_t frames, int64_t ns, int begins)
{
    double span = (double)(ns - a->calm_ns) * rate_hz / 1e9;
    a->calm_frames += frames;
    a->late = span - (double)a->calm_frames;
    if (!a->on || fabs(a->late) > slack + jitter(rate_hz)) { /* a host that reckons may also rest for a while */
        *a = (rigd_ahead){.on = 1, .calm_ns = ns};
        return 0;
    }
    a->least = a->late < a->least ? a->late : a->least;
    a->calm_wakes += (uint32_t)(begins != 0);
    return span >= CALM_SECONDS * rate_hz && a->calm_wakes >= CALM_WAKES;
}
