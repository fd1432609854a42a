/* SPDX-License-Identifier: GPL-2.0-or-later */
/* random: random numbers and unique names. */
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sysexits.h>

#include "base/sha256.h"

/* getrandom(2) gives up to 256 bytes whole; only a kernel or a filter that lacks it makes it fail,
 * and then no name is safe. */
static void fill(void *bytes, size_t size)
{
    assert(size <= 256);
    ssize_t got;
    do {
        got = getrandom(bytes, size, 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)size) {
        fprintf(stderr, "%s: no random bytes from the kernel: %m\n", program_invocation_short_name);
        exit(EX_OSERR);
    }
}

void random_init(struct random *random, uint64_t seed)
{
    random->state = seed;
    while (random->state == 0) {
        fill(&random->state, sizeof random->state);
    }
}

/* splitmix64 of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014). */
static uint64_t next(struct random *random)
{
    uint64_t mixed = random->state += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    assert(bound > 0);
    /* The 2^64 mod bound smallest numbers are thrown away, so that none comes up more often. */
    uint64_t surplus = -bound % bound;
    uint64_t number;
    do {
        number = next(random);
    } while (number < surplus);
    return number % bound;
}

void random_name(char out[RANDOM_NAME_SIZE])
{
    unsigned char bytes[(RANDOM_NAME_SIZE - 1) / 2];
    fill(bytes, sizeof bytes);
    hex_write(bytes, sizeof bytes, out);
}
