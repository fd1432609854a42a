/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress: see progress.h.
 */
#include "client/progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/timetext.h"

enum {
    PARTS = 7,
    PART_SIZE = 64,
    BAR_MIN = 10,
    BAR_MAX = 30,
    BAR_FRAME = 8, /* "[", "] ", "100% " */
    BAR_TIGHT = 20, /* columns that the rest leaves before there is a bar */
};

/* What lies so far back counts for half. */
static const double memory_ms = 20000;

/* --- numbers ---------------------------------------------------------------------------------- */

/* 950, 12.3k, 4.5M: three digits that matter. */
static void write_short(uint64_t number, char out[PART_SIZE])
{
    static const char units[] = " kMGTPE";
    double rest = (double)number;
    size_t unit = 0;

    while (rest >= 999.5 && unit + 1 < sizeof units - 1) {
        rest /= 1000;
        unit++;
    }
    if (unit == 0) {
        snprintf(out, PART_SIZE, "%" PRIu64, number);
    } else {
        snprintf(out, PART_SIZE, rest < 99.95 ? "%.1f%c" : "%.0f%c", rest, units[unit]);
    }
}

static void write_rate(double per_second, char out[PART_SIZE])
{
    if (per_second >= 10) {
        snprintf(out, PART_SIZE, "%.0f/s", per_second);
    } else if (per_second >= 1) {
        snprintf(out, PART_SIZE, "%.1f/s", per_second);
    } else {
        snprintf(out, PART_SIZE, "%.1f/min", per_second * 60);
    }
}

static void write_money(const struct progress *progress, char out[PART_SIZE])
{
    double amount = (double)progress->cost_nano / 1e9;
    int decimals = amount >= 1 || amount <= 0 ? 2 : 4;

    snprintf(out, PART_SIZE, "%.*f %.8s", decimals, amount,
             progress->currency != NULL ? progress->currency : "");
}

/* --- the line --------------------------------------------------------------------------------- */

/* The parts in their order, each empty where there is nothing to say. */
static void write_parts(const struct progress *progress, char parts[PARTS][PART_SIZE])
{
    char number[PART_SIZE], duration[TIMETEXT_SIZE];
    uint64_t waiting = progress->count - progress->done;

    memset(parts, 0, PARTS * PART_SIZE);
    snprintf(parts[0], PART_SIZE, "%" PRIu64 "/%" PRIu64 "%s done", progress->done,
             progress->count, progress->growing ? "+" : "");
    if (progress->failed > 0) {
        snprintf(parts[1], PART_SIZE, "%" PRIu64 " failed", progress->failed);
    }
    if (progress->left_ms >= 0 && !progress->growing) {
        timetext_write_duration((progress->left_ms + 999) / 1000 * 1000, duration);
        snprintf(parts[2], PART_SIZE, "%.30s left", duration);
    }
    if (waiting > 0) {
        snprintf(parts[3], PART_SIZE, "%" PRIu64 " waiting", waiting);
    }
    if (progress->per_second > 0) {
        write_rate(progress->per_second, parts[4]);
    }
    if (progress->cost_nano >= 0) {
        write_money(progress, parts[5]);
    }
    if (progress->tokens > 0) {
        write_short(progress->tokens, number);
        snprintf(parts[6], PART_SIZE, "%.20s tokens", number);
    }
}

static void write_bar(struct buffer *out, const struct progress *progress, int room)
{
    int width = room - BAR_FRAME < BAR_MAX ? room - BAR_FRAME : BAR_MAX;
    double part = progress->count > 0 ? (double)progress->done / (double)progress->count : 0;
    int filled = (int)(part * width);

    buffer_byte(out, '[');
    for (int i = 0; i < width; i++) {
        buffer_byte(out, i < filled ? '=' : i == filled ? '>' : ' ');
    }
    buffer_printf(out, "] %3d%% ", (int)(part * 100));
}

/* Parts are told in the order of a sentence and chosen in that of what matters. */
void progress_write(struct buffer *out, const struct progress *progress, int columns, bool colour)
{
    static const int told[PARTS] = {0, 1, 3, 4, 6, 5, 2};
    char parts[PARTS][PART_SIZE];
    bool chosen[PARTS] = {false};
    int used = 0;
    bool first = true;

    write_parts(progress, parts);
    for (int i = 0; i < PARTS; i++) {
        int width = (int)strlen(parts[i]) + (used > 0 ? 2 : 0);

        if (parts[i][0] == '\0') {
            continue;
        }
        if (used + width > columns) {
            break;
        }
        chosen[i] = true;
        used += width;
    }
    if (!progress->growing && columns - used >= BAR_TIGHT) {
        write_bar(out, progress, columns - used);
    }
    for (int i = 0; i < PARTS; i++) {
        bool red = colour && told[i] == 1;

        if (chosen[told[i]]) {
            buffer_printf(out, "%s%s%s%s", first ? "" : ", ", red ? "\033[31m" : "",
                          parts[told[i]], red ? "\033[0m" : "");
            first = false;
        }
    }
}

/* --- the rate --------------------------------------------------------------------------------- */

void tempo_note(struct tempo *tempo, int64_t now_ms, uint64_t done)
{
    double passed = (double)(now_ms - tempo->at_ms);
    double now_rate, old;

    /* Of a young one the rate is the plain average: ends come in bursts. */
    if (tempo->at_ms == 0) {
        *tempo = (struct tempo){.at_ms = now_ms, .done = done};
        return;
    }
    if (passed < 100) {
        return;
    }
    now_rate = (double)(done - tempo->done) * 1000 / passed;
    old = tempo->known_ms / (tempo->known_ms + passed);
    tempo->per_second = old * tempo->per_second + (1 - old) * now_rate;
    tempo->known_ms = fmin(tempo->known_ms + passed, memory_ms);
    tempo->at_ms = now_ms;
    tempo->done = done;
}

int64_t tempo_left(const struct tempo *tempo, uint64_t more)
{
    double seconds;

    if (tempo->per_second <= 0) {
        return more == 0 ? 0 : -1;
    }
    seconds = (double)more / tempo->per_second;
    return seconds < 3e9 ? (int64_t)(seconds * 1000) : -1;
}
