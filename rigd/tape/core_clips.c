/* The tape's C core: how loud rows are, and where they are at full scale. For a writer, which comes to each frame of a
 * take once, and just had these rows in its processor's cache. */
#include "core_inside.h"

#include <math.h>

WIDE CHECKED_AFTER static float peak_of(const float *in, size_t n)
{
    float peak[16] = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (unsigned k = 0; k < 16; k++) {
            float a = fabsf(in[i + k]);
            peak[k] = a > peak[k] ? a : peak[k];
        }
    for (; i < n; i++)
        peak[0] = fabsf(in[i]) > peak[0] ? fabsf(in[i]) : peak[0];
    for (unsigned k = 1; k < 16; k++)
        peak[0] = peak[k] > peak[0] ? peak[k] : peak[0];
    return peak[0];
}

CHECKED_AFTER static void find_clips(const float *in, size_t n, uint64_t at, rigd_loudness *found)
{
    for (size_t i = 0; i < n; i++)
        if (fabsf(in[i]) >= CLIP) {
            if (found->clipped++ == 0)
                found->first = at + i;
            found->last = at + i;
        }
}

int rigd_loudness_of(const rigd_tape *t, const uint32_t *channels, uint32_t count, uint64_t position,
                     uint64_t frames, rigd_loudness *found)
{
    for (uint32_t i = 0; i < count; i++) {
        found[i] = (rigd_loudness){0};
        for (uint64_t done = 0, n; done < frames; done += n) {
            n = in_one_piece(t, position + done, frames - done);
            const float *in = row(t, channels[i], position + done);
            float peak = peak_of(in, (size_t)n);
            found[i].peak = peak > found[i].peak ? peak : found[i].peak;
            if (peak >= CLIP)
                find_clips(in, (size_t)n, done, &found[i]);
        }
    }
    atomic_thread_fence(memory_order_acquire);
    return position >= lowest_row_position(t) ? 0 : -1;
}

static float of_int24(const uint8_t *in)
{
    uint32_t word = (uint32_t)in[0] << 8 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 24;
    return (float)((int32_t)word / 256) / 8388608.0f;
}

static float of_float32(const uint8_t *in)
{
    float x;
    memcpy(&x, in, sizeof x);
    return x;
}

void rigd_loudness_of_file(const uint8_t *in, uint64_t frames, int as_float32, rigd_loudness *found)
{
    *found = (rigd_loudness){0};
    for (uint64_t i = 0; i < frames; i++) {
        float a = fabsf(as_float32 ? of_float32(in + 4 * i) : of_int24(in + 3 * i));
        found->peak = a > found->peak ? a : found->peak;
        if (a >= CLIP) {
            if (found->clipped++ == 0)
                found->first = i;
            found->last = i;
        }
    }
}
