/* The tape's C core, third part: samples as they stand in files. */
#include "core_inside.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <tmmintrin.h>
#endif

#define TILE 256u /* frames packed at a time: they stay in the L1 cache */
#define POLY_TILE_CODES 2048u /* and so do these, interleaved */

WIDE CHECKED_AFTER static void to_codes(const float *in, int32_t *out, size_t n, double full_scale)
{
    /* Scaled and rounded in double: at full scale 8,388,607 a code arrives up to a quarter of a code off,
     * and float32 has no room for a half beside 23 bits. The limits in float32: twice as fast. */
    const float highest = (float)(8388607.0 / full_scale), lowest = (float)(-8388608.0 / full_scale);
    for (size_t i = 0; i < n; i += 16) /* the row's next tile: the processor's own prefetching ends at pages */
        __builtin_prefetch(in + n + i);
    for (size_t i = 0; i < n; i++) {
        float x = in[i] < highest ? in[i] : highest;
        x = x > lowest ? x : lowest;
        double v = (double)x * full_scale;
        out[i] = (int32_t)(v + copysign(0.5, v));
    }
}

CHECKED_AFTER static void to_floats(const float *in, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = in[i];
}

/* Four codes are one shuffle: four times as fast as the words of to_bytes. Returns how many codes it has packed:
 * of the 16 bytes it stores 12 count, and none of them lie beyond the `n` codes. */
#if defined(__x86_64__)
__attribute__((target("ssse3"))) static size_t shuffle_bytes(const int32_t *in, uint8_t *out, size_t n)
{
    const __m128i order = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    size_t i = 0;
    for (; i + 6 <= n; i += 4) {
        __m128i four = _mm_loadu_si128((const __m128i *)(const void *)(in + i));
        _mm_storeu_si128((__m128i *)(void *)(out + i * 3), _mm_shuffle_epi8(four, order));
    }
    return i;
}
static int can_shuffle(void) { return __builtin_cpu_supports("ssse3"); }
#else
static size_t shuffle_bytes(const int32_t *in, uint8_t *out, size_t n) { return (void)in, (void)out, (void)n, 0; }
static int can_shuffle(void) { return 0; }
#endif

/* Eight codes are three 64-bit words: five times as fast as byte by byte. */
static void to_bytes(const int32_t *in, uint8_t *out, size_t n)
{
    size_t i = can_shuffle() ? shuffle_bytes(in, out, n) : 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t pair[4];
        for (unsigned k = 0; k < 4; k++)
            pair[k] = ((uint64_t)(uint32_t)in[i + 2 * k] & 0xffffffu)
                | ((uint64_t)(uint32_t)in[i + 2 * k + 1] & 0xffffffu) << 24;
        uint64_t words[3] = {pair[0] | pair[1] << 48, pair[1] >> 16 | pair[2] << 32,
                             pair[2] >> 32 | pair[3] << 16};
        memcpy(out + i * 3, words, sizeof words);
    }
    for (; i < n; i++)
        for (unsigned k = 0; k < 3; k++)
            out[i * 3 + k] = (uint8_t)((uint32_t)in[i] >> (8 * k));
}

/* After copying from `position`: was it still there all the time? */
static int intact(const rigd_tape *t, uint64_t position)
{
    atomic_thread_fence(memory_order_acquire);
    return position >= lowest_row_position(t) ? 0 : -1;
}

int rigd_pack_int24(const rigd_tape *t, const uint32_t *channels, uint32_t count, uint64_t position,
                    uint64_t frames, uint8_t *out, uint64_t stride_bytes)
{
    int32_t codes[TILE];
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *to = out + i * stride_bytes;
        for (uint64_t done = 0, n; done < frames; done += n, to += n * 3) {
            n = in_one_piece(t, position + done, frames - done < TILE ? frames - done : TILE);
            to_codes(row(t, channels[i], position + done), codes, (size_t)n, t->shape.full_scale);
            to_bytes(codes, to, (size_t)n);
        }
    }
    return intact(t, position);
}

int rigd_pack_float32(const rigd_tape *t, const uint32_t *channels, uint32_t count, uint64_t position,
                      uint64_t frames, uint8_t *out, uint64_t stride_bytes)
{
    float floats[TILE];
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *to = out + i * stride_bytes;
        for (uint64_t done = 0, n; done < frames; done += n, to += n * sizeof(float)) {
            n = in_one_piece(t, position + done, frames - done < TILE ? frames - done : TILE);
            to_floats(row(t, channels[i], position + done), floats, (size_t)n);
            memcpy(to, floats, (size_t)n * sizeof(float));
        }
    }
    return intact(t, position);
}

/* A full volume takes a part first, then says so. 0 or errno. */
static int write_all(int fd, const uint8_t *from, uint64_t bytes, int64_t offset)
{
    for (uint64_t done = 0; done < bytes;) {
        ssize_t n = pwrite(fd, from + done, bytes - done, offset + (int64_t)done);
        if (n == 0)
            return EIO;
        if (n < 0 && errno != EINTR)
            return errno;
        done += n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

int rigd_write_heads(const int *fds, uint32_t count, const uint8_t *heads, uint64_t bytes, uint32_t *place)
{
    int fault = 0;
    for (*place = 0; *place < count; ++*place)
        if ((fault = write_all(fds[*place], heads + *place * bytes, bytes, 0)) != 0)
            break;
    return fault;
}

int rigd_write_rows(const rigd_tape *t, int as_float32, const uint32_t *channels, const int *fds,
                    uint32_t count, uint64_t position, uint64_t frames, int64_t offset, uint8_t *room,
                    uint32_t *place)
{
    uint64_t bytes = frames * (as_float32 ? sizeof(float) : 3);
    for (*place = 0; *place < count; ++*place) {
        int fault = as_float32 ? rigd_pack_float32(t, channels + *place, 1, position, frames, room, bytes)
                               : rigd_pack_int24(t, channels + *place, 1, position, frames, room, bytes);
        if (fault == 0)
            fault = write_all(fds[*place], room, bytes, offset);
        if (fault != 0)
            return fault;
    }
    return 0;
}

static uint64_t poly_tile(uint32_t count)
{
    uint64_t frames = POLY_TILE_CODES / count;
    return frames < TILE ? frames : TILE;
}

int rigd_pack_poly_int24(const rigd_tape *t, const uint32_t *channels, uint32_t count, uint64_t position,
                         uint64_t frames, uint8_t *out)
{
    int32_t codes[TILE], interleaved[POLY_TILE_CODES];
    if (count == 0 || count > RIGD_MOST_CHANNELS)
        return -1;
    for (uint64_t done = 0, n, most = poly_tile(count); done < frames; done += n) {
        n = in_one_piece(t, position + done, frames - done < most ? frames - done : most);
        for (uint32_t i = 0; i < count; i++) {
            to_codes(row(t, channels[i], position + done), codes, (size_t)n, t->shape.full_scale);
            for (uint64_t k = 0; k < n; k++)
                interleaved[k * count + i] = codes[k];
        }
        to_bytes(interleaved, out + done * count * 3, (size_t)(n * count));
    }
    return intact(t, position);
}

int rigd_pack_poly_float32(const rigd_tape *t, const uint32_t *channels, uint32_t count, uint64_t position,
                           uint64_t frames, uint8_t *out)
{
    float floats[TILE], interleaved[POLY_TILE_CODES];
    if (count == 0 || count > RIGD_MOST_CHANNELS)
        return -1;
    for (uint64_t done = 0, n, most = poly_tile(count); done < frames; done += n) {
        n = in_one_piece(t, position + done, frames - done < most ? frames - done : most);
        for (uint32_t i = 0; i < count; i++) {
            to_floats(row(t, channels[i], position + done), floats, (size_t)n);
            for (uint64_t k = 0; k < n; k++)
                interleaved[k * count + i] = floats[k];
        }
        memcpy(out + done * count * sizeof(float), interleaved, (size_t)(n * count) * sizeof(float));
    }
    return intact(t, position);
}
