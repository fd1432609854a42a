/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * money_world: what tests of the daemon's money work with: a configuration, a clock, a loop, an
 * empty folder, and system calls that fail when asked to.
 */
#ifndef MONEY_WORLD_H
#define MONEY_WORLD_H

#include "unit.h"

#include <errno.h>

#include "base/amount.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/money.h"
#include "fresh.h"
#include "job/ledger.h"

#define CENT (AMOUNT_UNIT / 100)

/* fdatasync and pwrite of the program under test; the linker puts ours in their place. */
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
ssize_t __real_pwrite(int fd, const void *bytes, size_t length, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t offset);

/* One test's world. Written on the loop's thread while the pool is idle. */
static struct world {
    struct fresh *fresh;
    uv_loop_t loop;
    struct config config;
    struct config_model models[2];
    struct config_provider providers[1];
    struct config_user users[2];
    struct wall now;
    struct clock clock;
    struct money *money;
    size_t doubts;
    int flushed; /* calls of the done callback */
    int result;  /* of the last */
    int told;
    char notice[MONEY_REASON_SIZE];
    int freed;
    int troubles; /* minus recoveries */
    int syncs, writes;
    int fail_sync, fail_write; /* so many calls fail */
} world;

int __wrap_fdatasync(int fd)
{
    world.syncs++;
    if (world.fail_sync > 0) {
        world.fail_sync--;
        errno = EIO;
        return -1;
    }
    return __real_fdatasync(fd);
}

/* A full disk takes a part first. */
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    world.writes++;
    if (world.fail_write > 0) {
        world.fail_write--;
        if (world.fail_write > 0) {
            return __real_pwrite(fd, bytes, length / 2, offset);
        }
        errno = ENOSPC;
        return -1;
    }
    return __real_pwrite(fd, bytes, length, offset);
}

/* For structs whose texts are their own elsewhere. */
static inline char *word(const char *text)
{
    return (char *)(uintptr_t)text;
}

static inline struct wall world_wall(void *context)
{
    (void)context;
    return world.now;
}

static inline struct mono world_mono(void *context)
{
    (void)context;
    return (struct mono){world.now.ms};
}

static inline void set_time(const char *text)
{
    assert_int_equal(timetext_read(text, &world.now), 0);
}

static inline void on_used_up(void *context, const struct money_notice *notice)
{
    (void)context;
    world.told++;
    snprintf(world.notice, sizeof world.notice, "%s", notice->text);
}

static inline void on_freed(void *context)
{
    (void)context;
    world.freed++;
}

static inline void on_trouble(void *context, const char *sentence)
{
    (void)context;
    world.troubles += sentence != NULL ? 1 : -1;
}

static inline void on_flushed(void *context, int result)
{
    (void)context;
    world.flushed++;
    world.result = result;
}

static const struct config_budget no_budget = {-1, -1, -1, -1};

static inline int setup(void **state)
{
    fresh_folder(state);
    world = (struct world){.fresh = *state};
    assert_int_equal(uv_loop_init(&world.loop), 0);
    world.clock = (struct clock){world_wall, world_mono, NULL};
    world.providers[0] = (struct config_provider){.name = word("openai"), .budget = no_budget};
    world.models[0] = (struct config_model){.pattern = word("gpt-*"), .budget = no_budget};
    world.models[1] = (struct config_model){.pattern = word("*"), .budget = no_budget};
    world.users[0] = (struct config_user){.name = word("alice"), .budget = no_budget};
    world.users[1] = (struct config_user){.name = word("*"), .budget = no_budget};
    world.config = (struct config){.providers = world.providers,
                                   .provider_count = 1,
                                   .models = world.models,
                                   .model_count = 2,
                                   .users = world.users,
                                   .user_count = 2,
                                   .budget = no_budget,
                                   .currency = word("USD"),
                                   .time_zone = word("UTC")};
    set_time("2026-02-10T12:00:00Z");
    return 0;
}

static inline struct money_setup money_setup(void)
{
    return (struct money_setup){.loop = &world.loop,
                                .dir = world.fresh->dir,
                                .temp_dir = world.fresh->dir,
                                .mode = 0600,
                                .config = &world.config,
                                .clock = &world.clock,
                                .lazy_ms = 1,
                                .used_up = on_used_up,
                                .freed = on_freed,
                                .trouble = on_trouble};
}

static inline void begin(void)
{
    struct money_setup with = money_setup();
    struct error error;

    world.money = money_open(&with, &world.doubts, &error);
    if (world.money == NULL) {
        fail_msg("%s", error.text);
    }
}

/* Until nothing is left to write. */
static inline void run_loop(void)
{
    uv_run(&world.loop, UV_RUN_DEFAULT);
}

static inline void end(void)
{
    struct error error;

    run_loop();
    assert_int_equal(money_close(world.money, &error), 0);
    world.money = NULL;
    run_loop();
}

/* What a kill leaves: the file as it is, put back after an orderly end. */
static inline void kill_it(void)
{
    struct buffer text = {0};

    assert_int_equal(file_read_at(world.fresh->dir, "money", 1 << 24, &text, NULL), 0);
    end();
    assert_int_equal(file_replace(world.fresh->dir, world.fresh->dir, "money", 0600, text.bytes,
                                  text.length, false),
                     0);
    buffer_free(&text);
}

static inline int teardown(void **state)
{
    if (world.money != NULL) {
        end();
    }
    assert_int_equal(uv_loop_close(&world.loop), 0);
    return fresh_end(state);
}

static inline struct money_request by(const char *user, int64_t cost_nano)
{
    return (struct money_request){user, NULL, "openai", "gpt-4o-mini", cost_nano};
}

static inline enum money_answer ask(struct money_request request)
{
    struct money_hold hold;

    return money_ask(world.money, &request, &hold);
}

/* Asks, reserves, and settles at cost_nano; false when it is not allowed. */
static inline bool spend(struct money_request request, int64_t cost_nano)
{
    if (ask(request) != MONEY_GO) {
        return false;
    }
    money_paid(world.money, money_reserve(world.money, &request).number, NULL, cost_nano);
    return true;
}

static inline void held_until(struct money_request request, const char *reason, const char *until)
{
    struct money_hold hold;
    char text[TIMETEXT_SIZE];

    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_HELD);
    assert_string_equal(hold.reason, reason);
    timetext_write((struct wall){hold.until_ms}, text);
    assert_string_equal(hold.until_ms > 0 ? text : "", until);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
