/* The tape's C core: one row of a block, copied to the tape and measured on the way. Called by the
 * audio callback: nothing here locks, allocates, prints or makes a system call. */
#include "core_inside.h"

#include <math.h>

/* Stores that go past the caches: a line that is written whole need not be fetched first, and this core does not
 * read it again. They are in no order with other stores until rigd_end_stores. Not for the sanitizers, which do
 * not see them. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#include <emmintrin.h>
#define ALIGNED_TO 16u
static inline void put_8(float *to, const float *from)
{
    _mm_stream_ps(to, _mm_loadu_ps(from));
    _mm_stream_ps(to + 4, _mm_loadu_ps(from + 4));
}
void rigd_end_stores(void) { _mm_sfence(); }
#else
#define ALIGNED_TO sizeof(float)
static inline void put_8(float *to, const float *from) { memcpy(to, from, 8 * sizeof(float)); }
void rigd_end_stores(void) {}
#endif

/* Eight samples at a time. Written out, because compilers make branches of `a > peak ? a : peak` in a loop of floats and
 * then measure them one by one. */
typedef float eight __attribute__((vector_size(32)));
typedef int32_t eight_words __attribute__((vector_size(32)));

static inline __attribute__((always_inline)) void measure_8(const float *in, eight *peak, eight *energy)
{
    eight x;
    memcpy(&x, in, sizeof x);
    eight a = (eight)((eight_words)x & INT32_MAX); /* without the sign */
    eight_words higher = a > *peak;
    *peak = (eight)(((eight_words)a & higher) | ((eight_words)*peak & ~higher));
    *energy += x * x;
}

static inline void store_one(float x, float *out, float *peak, float *energy)
{
    float a = fabsf(x);
    *out = x;
    *peak = a > *peak ? a : *peak;
    *energy += x * x;
}

/* Copies and measures in one pass. Energy and peak are of what came in; see rigd_store_row.
 *
 * A block's rows are each pages of their own, in the driver's memory and on the tape, and in no cache of this
 * core's. So `next`, which comes after this one, is fetched meanwhile, and the tape is written past the caches:
 * 64 rows of 1,024 frames took 5 ms of each second, and take 1.7. */
WIDE static void store_part(const float *restrict in, float *restrict out, size_t n, const float *next,
                            float *peak, float *energy)
{
    eight p = {0}, q = {0}, e = {0}, f = {0};
    size_t i = 0;
    for (; i < n && (uintptr_t)(out + i) % ALIGNED_TO != 0; i++)
        store_one(in[i], out + i, peak, energy);
    for (; i + 16 <= n; i += 16) {
        __builtin_prefetch(next + i);
        put_8(out + i, in + i);
        put_8(out + i + 8, in + i + 8);
        measure_8(in + i, &p, &e);
        measure_8(in + i + 8, &q, &f);
    }
    for (; i < n; i++)
        store_one(in[i], out + i, peak, energy);
    for (unsigned k = 0; k < 8; k++) {
        *peak = p[k] > *peak ? p[k] : *peak;
        *peak = q[k] > *peak ? q[k] : *peak;
        *energy += e[k] + f[k];
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

uint32_t rigd_store_row(float *to, const float *in, size_t n, const float *next, level *measured)
{
    uint32_t replaced = 0;
    float peak = 0.0f, energy = 0.0f;
    store_part(in, to, n, next, &peak, &energy);
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
