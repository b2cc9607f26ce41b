/* The tape's C core: what an interface delivers, stored or not, for the measuring of its rate.
 *
 * One thread writes, in the audio callback; any other reads. A wake-up may bring several blocks at once, so blocks that
 * come within 2 ms are one: the time of the last, and all that was delivered by then. */
#include "core_inside.h"

#define ONE_WAKE_NS 2000000

static void publish(rigd_wakes *w)
{
    uint64_t count = atomic_load_explicit(&w->count, memory_order_relaxed);
    word *at = w->wakes[count % RIGD_MOST_WAKES];
    atomic_store_explicit(&w->reserved, count + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    atomic_store_explicit(&at[0], (uint64_t)w->last_ns, memory_order_relaxed);
    atomic_store_explicit(&at[1], (uint64_t)w->frames, memory_order_relaxed);
    atomic_store_explicit(&w->count, count + 1, memory_order_release);
}

void rigd_wakes_note(rigd_wakes *w, uint32_t frames, int64_t ns)
{
    if (w->frames > 0 && (ns - w->first_ns >= ONE_WAKE_NS || ns < w->last_ns)) {
        publish(w);
        w->first_ns = ns;
    }
    if (w->frames == 0)
        w->first_ns = ns;
    w->frames += frames;
    w->last_ns = ns;
}

uint32_t rigd_wakes_read(rigd_wakes *w, int64_t since_ns, uint32_t most, rigd_point *wakes)
{
    uint64_t count = atomic_load_explicit(&w->count, memory_order_acquire), from = count;
    uint32_t found = 0;
    most = most < RIGD_MOST_WAKES / 2 ? most : RIGD_MOST_WAKES / 2; /* the other half is room for the writer */
    while (from > 0 && count - from < most
           && (int64_t)relaxed(&w->wakes[(from - 1) % RIGD_MOST_WAKES][0]) >= since_ns)
        from--;
    for (uint64_t i = from; i < count; i++, found++)
        wakes[found] = (rigd_point){.monotonic_ns = (int64_t)relaxed(&w->wakes[i % RIGD_MOST_WAKES][0]),
                                    .end_frame = (int64_t)relaxed(&w->wakes[i % RIGD_MOST_WAKES][1])};
    atomic_thread_fence(memory_order_seq_cst);
    return relaxed(&w->reserved) > from + RIGD_MOST_WAKES ? 0 : found; /* written over meanwhile: nothing */
}
