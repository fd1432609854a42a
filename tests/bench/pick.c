/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pick: what choosing the next job costs with N waiting, by 100 users, half of them for models whose
 * gates are closed. For the benchmark: prints one line of JSON for each N.
 *
 * usage: pick N …
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/xalloc.h"
#include "daemon/lane.h"

enum { LANES = 10, USERS = 100, PICKS = 20000, WINDOW = 4096 };

struct desk {
    struct config *config;
    struct random random;
    struct shares *shares;
    struct upstreams *upstreams;
    struct lanes *lanes;
    struct task *tasks;
};

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Every other model's gate closes for an hour. */
static void close_gates(struct desk *desk)
{
    for (struct upstream *upstream = upstreams_first(desk->upstreams); upstream != NULL;
         upstream = upstream->next) {
        const struct gate_cost cost = {1, 1};
        struct gate_report report = {.outcome = OUTCOME_THROTTLED,
                                     .code = "rate_limit_exceeded",
                                     .message = "",
                                     .http_status = 429,
                                     .wait_ms = 3600 * 1000,
                                     .cost = {-1, -1}};

        if (upstream->model[strlen(upstream->model) - 1] % 2 == 0)
            gate_ended(upstream->gate, gate_sent(upstream->gate, &cost, (struct mono){0}), &report,
                       (struct mono){0});
    }
}

static void drop(struct desk *desk, struct task *task, size_t number)
{
    char model[16], user[16];

    snprintf(model, sizeof model, "model-%zu", number % LANES);
    snprintf(user, sizeof user, "user-%zu", number / LANES % USERS);
    task->id = (struct id){{0}};
    task->submitted = (int64_t)number;
    task->sequence = number;
    task->priority = (int)(number / 7 % 10);
    task->input_tokens = (int64_t)(100 + number % 900);
    task->share = shares_get(desk->shares, user);
    task->lane = lanes_get(desk->lanes, &(struct lane_want){.model = model, .type = "chat"});
    lane_ready(desk->lanes, task, (struct wall){1000000});
}

/* Sends so many tasks, which are answered at once; returns microseconds for one. */
static double pick_some(struct desk *desk, int picks)
{
    double begin = now_us();

    for (int i = 0; i < picks; i++) {
        const struct wall wall = {1000000 + i};
        const struct mono now = {1000 + i};
        struct gate_report report = {
            .outcome = OUTCOME_OK, .code = "", .message = "", .http_status = 200, .wait_ms = -1,
            .cost = {-1, -1}};
        struct gate_ticket ticket;
        struct pick pick;

        if (!lanes_pick(desk->lanes, wall, now, &pick)) {
            fprintf(stderr, "pick: nothing may go after %d\n", i);
            exit(1);
        }
        lane_unready(desk->lanes, pick.task);
        ticket = gate_sent(pick.upstream->gate, &pick.cost, now);
        ready_sent(pick.task, ready_backlog(&pick.task->lane->ready, pick.task->share), wall);
        gate_ended(pick.upstream->gate, ticket, &report, now);
        ready_landed(pick.task, -1);
    }
    return (now_us() - begin) / picks;
}

static void measure(size_t count)
{
    struct config_options options = {.path = NULL, .concurrency = WINDOW};
    struct error error;
    struct desk desk = {.config = config_read(&options, &error)};
    double begin;

    if (desk.config == NULL) {
        fprintf(stderr, "pick: %s\n", error.text);
        exit(error_exit(error.kind));
    }
    random_init(&desk.random, 1);
    desk.shares = shares_open();
    desk.upstreams = upstreams_open(desk.config, &desk.random, (struct mono){0});
    desk.lanes = lanes_open(desk.config, desk.upstreams, desk.shares);
    desk.tasks = xcalloc(count, sizeof *desk.tasks);
    begin = now_us();
    for (size_t i = 0; i < count; i++)
        drop(&desk, &desk.tasks[i], i);
    begin = (now_us() - begin) / (double)count;
    close_gates(&desk);
    printf("{\"waiting\": %zu, \"add_us\": %.3f, \"pick_us\": %.3f}\n", count, begin,
           pick_some(&desk, count / 4 < PICKS ? (int)(count / 4) : PICKS));
    /* The process ends: a million tasks need not be taken out one by one. */
}

int main(int argc, char **argv)
{
    xalloc_jansson();
    setenv("OPENAI_API_KEY", "none", 1);
    for (int i = 1; i < argc; i++)
        measure(strtoul(argv[i], NULL, 10));
    return fflush(stdout) == 0 ? 0 : 1;
}
