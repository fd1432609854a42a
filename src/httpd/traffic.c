/* SPDX-License-Identifier: GPL-2.0-or-later */
/* traffic: see traffic.h. */
#include "httpd/traffic.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buckets.h"
#include "base/promtext.h"
#include "base/xalloc.h"
#include "httpd/connections.h"
#include "httpd/request.h"

enum { ROWS = 64, CLASSES = 6, NS_A_US = 1000 };

static const struct buckets_scale scale = {
    1e6,
    13,
    {250, 500, 1000, 2500, 5000, 10000, 20000, 50000, 100000, 500000, 1000000, 10000000, 60000000}};

static const char *const class_words[CLASSES] = {"aborted", "1xx", "2xx", "3xx", "4xx", "5xx"};

struct row {
    const struct route *route; /* NULL: no route, or none of the first */
    uint64_t classes[CLASSES]; /* the first: the client was gone before an answer */
    struct buckets times;      /* us */
};

struct traffic {
    struct row rows[ROWS + 1];
    size_t count;
    size_t streams;
};

struct traffic *traffic_open(void)
{
    return xcalloc(1, sizeof(struct traffic));
}

void traffic_close(struct traffic *traffic)
{
    free(traffic);
}

void traffic_streams(struct traffic *traffic)
{
    traffic->streams++;
}

static struct row *row_of(struct traffic *traffic, const struct route *route)
{
    size_t i = 1; /* the first is for what has no row of its own */

    while (i <= traffic->count && traffic->rows[i].route != route)
        i++;
    if (route == NULL || i > ROWS)
        return &traffic->rows[0];
    if (i > traffic->count) {
        traffic->count++;
        traffic->rows[i].route = route;
    }
    return &traffic->rows[i];
}

void traffic_ended(struct traffic *traffic, const struct request *request)
{
    struct row *row = row_of(traffic, request->route);
    unsigned class = request->status / 100;

    row->classes[class < CLASSES ? class : 0]++;
    if (request->calls.read != NULL)
        traffic->streams--;
    else
        buckets_add(&row->times, &scale, (int64_t)((uv_hrtime() - request->began_ns) / NS_A_US));
}

/* Fills in what tells a row from others, and leaves a place for one label more. */
static void label_row(const struct row *row, struct promtext_label labels[4])
{
    labels[0] =
        (struct promtext_label){"method", row->route != NULL ? row->route->method : "other"};
    labels[1] =
        (struct promtext_label){"route", row->route != NULL ? row->route->pattern : "other"};
    labels[2] = labels[3] = (struct promtext_label){NULL, NULL};
}

static void write_requests(struct buffer *out, const struct traffic *traffic)
{
    static const char name[] = "llmspool_http_requests_total";

    promtext_family(
        out, name, PROMTEXT_COUNTER,
        "Requests that llmspool-httpd served, by route and class of status; aborted: the "
        "client was gone before an answer.");
    for (size_t i = 0; i <= traffic->count; i++)
        for (size_t class = 0; class < CLASSES; class ++) {
            struct promtext_label labels[4];

            label_row(&traffic->rows[i], labels);
            labels[2] = (struct promtext_label){"code", class_words[class]};
            if (class != 1)
                promtext_sample(out, name, labels, (double)traffic->rows[i].classes[class]);
        }
}

static void write_times(struct buffer *out, const struct traffic *traffic)
{
    static const char name[] = "llmspool_http_request_duration_seconds";

    promtext_family(
        out, name, PROMTEXT_HISTOGRAM,
        "Time of requests from their head to the end of their answer, also while they were "
        "told to wait; without streams.");
    for (size_t i = 0; i <= traffic->count; i++) {
        struct promtext_label labels[4];

        label_row(&traffic->rows[i], labels);
        promtext_histogram(out, name, labels, &scale, &traffic->rows[i].times);
    }
}

static void write_gauge(struct buffer *out, const char *name, const char *help, double value)
{
    promtext_family(out, name, PROMTEXT_GAUGE, help);
    promtext_sample(out, name, NULL, value);
}

static void write_cuts(struct buffer *out, const struct connections_tally *tally)
{
    static const char name[] = "llmspool_http_cut_connections_total";
    static const struct {
        enum phase phase;
        const char *reason;
    } slow[] = {
        {PHASE_HEAD, "slow_head"}, {PHASE_BODY, "slow_body"}, {PHASE_ANSWER, "slow_reader"}};
    struct promtext_label labels[] = {{"reason", "crowded"}, {NULL, NULL}};

    promtext_family(
        out, name, PROMTEXT_COUNTER,
        "Connections that were ended or not accepted: too slow at something, crowded (too "
        "many of one address), shed (to make room for others).");
    promtext_sample(out, name, labels, (double)tally->crowded);
    labels[0].value = "shed";
    promtext_sample(out, name, labels, (double)tally->shed);
    for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
        labels[0].value = slow[i].reason;
        promtext_sample(out, name, labels, (double)tally->cut[slow[i].phase]);
    }
}

void traffic_write(struct buffer *out, const struct traffic *traffic,
                   const struct connections *connections)
{
    write_requests(out, traffic);
    write_times(out, traffic);
    write_gauge(out, "llmspool_http_streams", "Streams of events that are open.",
                (double)traffic->streams);
    write_gauge(out, "llmspool_http_connections", "Connections that are open.",
                (double)connections_count(connections));
    write_cuts(out, connections_tally(connections));
}
