/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random: random numbers and unique names, from a source that a test can seed.
 *
 * Floor: base. For jitter and file names, not for secrets.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state; /* of splitmix64 */
};

enum { RANDOM_NAME_SIZE = 25 }; /* 24 hex digits and a NUL */

/* Seeds from the kernel (getrandom(2)), or from seed when it is not 0. */
void random_init(struct random *random, uint64_t seed);

/* A number in [0, bound); bound is above 0. */
uint64_t random_below(struct random *random, uint64_t bound);

/* 96 random bits in hex, always fresh from the kernel whatever the seed: names must not collide
 * between processes. */
void random_name(char out[RANDOM_NAME_SIZE]);

#endif
