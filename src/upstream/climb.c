/* SPDX-License-Identifier: GPL-2.0-or-later */
/* climb: how a rate or a window grows after it was cut. */
#include "upstream/climb.h"

#include <math.h>

static const double plateau = 4;   /* steps from low to top */
static const double doubling = 11; /* steps from top to twice as much */

double climb_height(const struct climb *climb)
{
    double steps = fmax(0, climb->steps);
    if (steps < plateau) {
        double rest = (plateau - steps) / plateau;
        return climb->top - (climb->top - climb->low) * rest * rest * rest;
    }
    double past = (steps - plateau) / doubling;
    return climb->top * (1 + past * past * past);
}
