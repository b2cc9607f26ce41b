/* The tape's C core: what a host brings at once, and the clock that it stamps it with.
 *
 * A block is not always what the host brought. PortAudio on ALSA, asked for blocks of a length of its own, puts them
 * together from ALSA's periods: several come at one wake-up, each with the flag of the same xrun, and the first of them
 * may begin with frames that had waited from before it. So it is wake-ups that are counted here: callbacks that come
 * far closer together than their own frames last are one. */
#include "core_inside.h"

#include <math.h>

#define PACED 1.25          /* frames that come faster than so are not what the host brings as a rule */
#define BUNCHING_MOST 16
#define BUNCHING_UP 2
#define BUNCHING_FROM 8     /* a few late wake-ups, after which several blocks come at once, are no rule */
#define MEAN_SECONDS 0.2
#define ODD_BLOCKS 8        /* one mad stamp is no new clock */
#define UNKNOWN_SECONDS 10.0
#define FASTEST_DRIFT 1e-3
#define DRIFT_LEAST_SECONDS 5.0
#define DRIFT_MOST_SECONDS 120.0

/* The upper of the two in the middle: half of the wake-ups may bring a rest only. */
static uint32_t middle(const uint32_t *kept)
{
    uint32_t found = 0;
    for (unsigned i = 0; i < WAKES_KEPT; i++) {
        unsigned as_many = 0;
        for (unsigned j = 0; j < WAKES_KEPT; j++)
            as_many += kept[j] >= kept[i];
        found = as_many >= WAKES_KEPT / 2 && kept[i] > found ? kept[i] : found;
    }
    return found;
}

/* The wake-up that just ended. One alone tells nothing: after a late one a host brings more at once. */
static void learn(rigd_host *h, double rate_hz)
{
    int is_bunch = h->blocks > 1 && h->even;
    h->bunching += is_bunch ? BUNCHING_UP : -1;
    h->bunching = h->bunching < 0 ? 0 : h->bunching > BUNCHING_MOST ? BUNCHING_MOST : h->bunching;
    if (h->wakes < 2 || h->frames > PACED * (double)(h->began_ns - h->before_ns) * rate_hz / 1e9)
        return;
    h->kept[h->wakes % WAKES_KEPT] = h->frames;
    uint32_t most = middle(h->kept);
    h->unit = most > h->unit ? most : h->unit - (h->unit - most + 15) / 16;
}

int rigd_host_look(rigd_host *h, double rate_hz, uint32_t frames, int64_t ns)
{
    int begins = h->wakes == 0 || (double)(ns - h->last_ns) * rate_hz / 1e9 >= frames / 4.0;
    h->last_ns = ns;
    if (!begins) {
        h->frames = h->frames < UINT32_MAX - frames ? h->frames + frames : UINT32_MAX;
        h->blocks++;
        h->even = h->even && frames == h->block_frames;
        return 0;
    }
    if (h->wakes > 0)
        learn(h, rate_hz);
    h->wakes++;
    h->before_ns = h->began_ns;
    h->began_ns = ns;
    h->frames = h->block_frames = frames;
    h->blocks = 1;
    h->even = 1;
    return 1;
}

int rigd_host_bunches(const rigd_host *h) { return h->bunching >= BUNCHING_FROM; }

double rigd_host_slack(const rigd_host *h, uint32_t frames) { return h->unit > frames ? h->unit : frames; }

uint32_t rigd_host_coming(const rigd_host *h)
{
    return rigd_host_bunches(h) && h->unit > h->frames ? h->unit - h->frames : 0;
}

double rigd_adc_look(rigd_adc *a, double rate_hz, double adc_time, int64_t first_frame)
{
    if (!(adc_time > 0.0) || !isfinite(adc_time) || adc_time > 1e12) {
        a->known = 0;
        return 0.0;
    }
    a->at = adc_time * rate_hz - (double)first_frame;
    if (!a->known)
        *a = (rigd_adc){.known = 1, .at = a->at, .mean = a->at, .base = a->at, .moved = a->moved, .over = a->over};
    double drift = a->over > DRIFT_LEAST_SECONDS * rate_hz ? a->moved / a->over : 0.0;
    return (a->at - a->mean) * (fabs(drift) < FASTEST_DRIFT ? 1.0 - drift : 1.0);
}

void rigd_adc_learn(rigd_adc *a, double rate_hz, double slack, uint32_t frames, uint64_t lost, int is_late)
{
    if (!a->known)
        return;
    a->known = 2;
    double at = a->at - (double)lost, off = at - a->mean, share = frames / (MEAN_SECONDS * rate_hz);
    double limit = slack / 2.0 > rate_hz / 100.0 ? slack / 2.0 : rate_hz / 100.0;
    a->at = at;
    if (fabs(off) <= limit) {
        double moves = (share < 1.0 ? share : 1.0) * off;
        a->mean += moves;
        a->moved += lost > 0 ? 0.0 : moves;
        a->over += frames;
        if (a->over > DRIFT_MOST_SECONDS * rate_hz) {
            a->over /= 2.0;
            a->moved /= 2.0;
        }
        a->odd = 0;
    } else if (++a->odd >= ODD_BLOCKS) {
        /* Set back, as JACK's is after 2^32 frames: by how much blocks are late by it stays as it was, or is not known
         * where they were late just then, and so no reason to think that none were lost. */
        if (at < a->base)
            a->base = is_late ? at - UNKNOWN_SECONDS * rate_hz : a->base + at - a->mean;
        a->mean = at;
        a->odd = 0;
    }
    if (!is_late)
        a->base += frames * FASTEST_DRIFT;
    if (at < a->base && a->odd == 0)
        a->base = at > a->base - limit / 4.0 ? at : a->base - limit / 4.0;
}
