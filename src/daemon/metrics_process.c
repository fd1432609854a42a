/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_process: metrics of the daemon itself and of its disk; see metrics_parts.h. */
#include <math.h>
#include <sys/resource.h>

#include "daemon/finish.h"
#include "daemon/metrics_parts.h"

const struct buckets_scale metrics_turn_scale = {
    1000, 10, {1, 5, 10, 25, 50, 100, 250, 500, 1000, 5000}};

static double unix_seconds(struct wall wall)
{
    return (double)wall.ms / 1000;
}

static void build_samples(const struct metrics_look *look, const struct metrics_family *family,
                          struct buffer *out)
{
    const struct promtext_label labels[] = {{"version", PACKAGE_VERSION}, {NULL, NULL}};

    (void)look;
    promtext_sample(out, family->name, labels, 1);
}

static double started(const struct metrics_look *look)
{
    return unix_seconds(look->metrics->started);
}

static double written(const struct metrics_look *look)
{
    return unix_seconds(look->wall);
}

static double paused(const struct metrics_look *look)
{
    return look->core->paused;
}

static double draining(const struct metrics_look *look)
{
    return look->core->draining;
}

static double stopped(const struct metrics_look *look)
{
    return look->core->trouble[0] != '\0' || look->core->spool_lost;
}

static double cpu(const struct metrics_look *look)
{
    struct rusage usage;

    (void)look;
    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return NAN;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double memory(const struct metrics_look *look)
{
    size_t bytes;

    (void)look;
    return uv_resident_set_memory(&bytes) == 0 ? (double)bytes : NAN;
}

static void turn_samples(const struct metrics_look *look, const struct metrics_family *family,
                         struct buffer *out)
{
    promtext_histogram(out, family->name, NULL, &metrics_turn_scale, &look->metrics->turns);
}

const struct metrics_family metrics_process[] = {
    {.name = "llmspool_build_info",
     .kind = PROMTEXT_GAUGE,
     .help = "Always 1; the label tells the daemon's release.",
     .samples = build_samples},
    {.name = "llmspool_start_time_seconds",
     .kind = PROMTEXT_GAUGE,
     .help = "When the daemon started, in seconds since 1970; all counters began at 0 then.",
     .value = started},
    {.name = "llmspool_last_write_timestamp_seconds",
     .kind = PROMTEXT_GAUGE,
     .help =
         "When the daemon wrote these metrics, in seconds since 1970: it does so at least every "
         "two minutes.",
     .value = written},
    {.name = "llmspool_paused",
     .kind = PROMTEXT_GAUGE,
     .help = "1 while ctl/pause keeps requests from being sent.",
     .value = paused},
    {.name = "llmspool_draining",
     .kind = PROMTEXT_GAUGE,
     .help = "1 while ctl/drain keeps files in new/ from being taken.",
     .value = draining},
    {.name = "llmspool_trouble",
     .kind = PROMTEXT_GAUGE,
     .help = "1 while nothing at all is sent because of the disk or a spool that is away.",
     .value = stopped},
    {.name = "llmspool_cpu_seconds_total",
     .kind = PROMTEXT_COUNTER,
     .help = "Processor time that the daemon used.",
     .value = cpu},
    {.name = "llmspool_resident_memory_bytes",
     .kind = PROMTEXT_GAUGE,
     .help = "Resident memory of the daemon.",
     .value = memory},
    {.name = "llmspool_loop_lag_seconds",
     .kind = PROMTEXT_HISTOGRAM,
     .help =
         "Time of the turns of the event loop, from waking up until it may sleep again: so long "
         "what happened meanwhile had to wait.",
     .samples = turn_samples},
    {0},
};

/* --- the disk ------------------------------------------------------------------------------------
 */

static double free_bytes(const struct metrics_look *look)
{
    return look->room_known ? (double)look->room.free_bytes : NAN;
}

static double free_inodes(const struct metrics_look *look)
{
    bool known = look->room_known && look->room.free_inodes != UINT64_MAX;

    return known ? (double)look->room.free_inodes : NAN;
}

static double floor_bytes(const struct metrics_look *look)
{
    return (double)look->core->config->floor_bytes;
}

static double floor_inodes(const struct metrics_look *look)
{
    return (double)look->core->config->floor_inodes;
}

static double stuck(const struct metrics_look *look)
{
    return (double)finish_stuck(look->core->finish);
}

const struct metrics_family metrics_disk[] = {
    {.name = "llmspool_disk_free_bytes",
     .kind = PROMTEXT_GAUGE,
     .help = "Free space of the spool's file system.",
     .value = free_bytes},
    {.name = "llmspool_disk_free_inodes",
     .kind = PROMTEXT_GAUGE,
     .help = "Free inodes of the spool's file system; absent where their number is not fixed.",
     .value = free_inodes},
    {.name = "llmspool_disk_floor_bytes",
     .kind = PROMTEXT_GAUGE,
     .help = "Free space below which nothing is sent (floor_space).",
     .value = floor_bytes},
    {.name = "llmspool_disk_floor_inodes",
     .kind = PROMTEXT_GAUGE,
     .help = "Free inodes below which nothing is sent (floor_inodes).",
     .value = floor_inodes},
    {.name = "llmspool_unwritten_answers",
     .kind = PROMTEXT_GAUGE,
     .help = "Answers in memory that could not be written, and are tried again.",
     .value = stuck},
    {0},
};
