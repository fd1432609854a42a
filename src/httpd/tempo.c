/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tempo: see tempo.h. */
#include "httpd/tempo.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

struct pace {
    unsigned char key[TEMPO_KEY];
    int64_t due_us; /* when the next one would be due at an even pace (theoretical arrival time) */
    UT_hash_handle hh;
};

struct tempo {
    struct pace *paces; /* in the order of their last requests */
    const struct clock *clock;
    int64_t step_us, room_us;
};

struct tempo *tempo_open(int64_t rate, int64_t burst, const struct clock *clock)
{
    struct tempo *tempo = xmalloc(sizeof *tempo);
    int64_t step_us = rate < 1000000 ? 1000000 / rate : 1;

    *tempo = (struct tempo){
        .clock = clock, .step_us = step_us, .room_us = (burst > 1 ? burst - 1 : 0) * step_us};
    return tempo;
}

/* The caller's pace, as the newest one. */
static struct pace *find_pace(struct tempo *tempo, const void *key, size_t length)
{
    unsigned char whole[TEMPO_KEY] = {0};
    struct pace *pace;

    assert(length <= sizeof whole);
    memcpy(whole, key, length);
    HASH_FIND(hh, tempo->paces, whole, sizeof whole, pace);
    if (pace != NULL) {
        HASH_DEL(tempo->paces, pace);
    } else if (HASH_COUNT(tempo->paces) >= TEMPO_CALLERS) {
        pace = tempo->paces;
        HASH_DEL(tempo->paces, pace);
        *pace = (struct pace){0};
    } else {
        pace = xcalloc(1, sizeof *pace);
    }
    memcpy(pace->key, whole, sizeof whole);
    HASH_ADD(hh, tempo->paces, key, sizeof pace->key, pace);
    return pace;
}

int64_t tempo_take(struct tempo *tempo, const void *key, size_t length)
{
    struct pace *pace = find_pace(tempo, key, length);
    int64_t now_us = clock_mono(tempo->clock).ms * 1000;
    int64_t early_us = pace->due_us - now_us - tempo->room_us;

    if (early_us > 0)
        return (early_us + 999) / 1000;
    pace->due_us = (pace->due_us > now_us ? pace->due_us : now_us) + tempo->step_us;
    return 0;
}

void tempo_close(struct tempo *tempo)
{
    struct pace *pace, *next;

    if (tempo == NULL)
        return;
    HASH_ITER(hh, tempo->paces, pace, next)
    {
        HASH_DEL(tempo->paces, pace);
        free(pace);
    }
    free(tempo);
}
