/* counter CHANNELS FORMAT RATE: the frame counter of CONTRIBUTING.md on stdout, for `aplay -t raw`.
 *
 * Channel c (from 0) has at frame n the 24-bit code (n + 1009 c) mod 2^23, which S32_LE, S24_3LE and FLOAT_LE hold
 * exactly. n begins with CLOCK_MONOTONIC x RATE, so that a player that is started again goes on about where time is. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAMES 1024

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    const int channels = atoi(argv[1]);
    const int float32 = !strcmp(argv[2], "FLOAT_LE"), packed = !strcmp(argv[2], "S24_3LE");
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t n = (int64_t)((now.tv_sec + now.tv_nsec / 1e9) * atof(argv[3]));
    unsigned char *block = malloc((size_t)FRAMES * channels * 4);
    for (;;) {
        unsigned char *at = block;
        for (int i = 0; i < FRAMES; i++, n++)
            for (int c = 0; c < channels; c++) {
                uint32_t code = (uint32_t)((n + 1009LL * c) & 0x7fffff), top = code << 8;
                float value = (float)code / 8388608.0f;
                const void *word = float32 ? (void *)&value : packed ? (void *)&code : (void *)&top;
                memcpy(at, word, packed ? 3 : 4);
                at += packed ? 3 : 4;
            }
        if (fwrite(block, 1, (size_t)(at - block), stdout) != (size_t)(at - block))
            return 0;
    }
}
