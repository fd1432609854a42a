/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspoold: the daemon's command line. All else is in src/daemon.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/probe.h"
#include "spool/spool.h"

static const char usage[] =
    "usage: llmspoold [-s DIR] [-c FILE] [-j N] [options]\n"
    "       llmspoold --probe [-c FILE] [--model NAME] [--timeout D] [--json]\n"
    "Takes jobs from a spool, asks models, writes their answers; stays in the\n"
    "foreground.\n"
    "\n"
    "  -s, --spool DIR          the spool (see llmspool(7) for where it is looked\n"
    "                           for)\n"
    "  -c, --config FILE        configuration, llmspoold.conf(5)\n"
    "  -j, --concurrency N      requests in flight, all together\n"
    "      --drain-timeout D    how long a stop waits for requests in flight (120s)\n"
    "      --until-empty        leave when nothing is left: 0, 1 if something\n"
    "                           failed, 75 if what is left cannot move within the\n"
    "                           patience\n"
    "      --patience D         how long nothing may move with --until-empty (60s)\n"
    "      --log-level LEVEL    error, warning, info or debug (info)\n"
    "      --check-config       print the effective configuration, keys masked, and\n"
    "                           leave\n"
    "      --probe              ask each provider, URL and key once, tell what came\n"
    "                           of it, leave\n"
    "        --model NAME       for this one too, the provider that serves it\n"
    "        --timeout D        of each request (30s)\n"
    "        --json             a line of JSON each\n"
    "      --foreground         what it always does; accepted for scripts\n"
    "      --help, --version\n"
    "\n"
    "SIGTERM finishes what is in flight and leaves; SIGINT twice leaves now; SIGHUP\n"
    "reads the configuration again. More in llmspoold(8).\n";

enum { PROBE_TIMEOUT_MS = 30 * 1000 };

enum {
    OPTION_DRAIN = 256,
    OPTION_UNTIL_EMPTY,
    OPTION_PATIENCE,
    OPTION_LOG_LEVEL,
    OPTION_CHECK,
    OPTION_PROBE,
    OPTION_MODEL,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_FOREGROUND,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"config", required_argument, NULL, 'c'},
    {"concurrency", required_argument, NULL, 'j'},
    {"drain-timeout", required_argument, NULL, OPTION_DRAIN},
    {"until-empty", no_argument, NULL, OPTION_UNTIL_EMPTY},
    {"patience", required_argument, NULL, OPTION_PATIENCE},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"check-config", no_argument, NULL, OPTION_CHECK},
    {"probe", no_argument, NULL, OPTION_PROBE},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"foreground", no_argument, NULL, OPTION_FOREGROUND},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static int fail(const struct error *error)
{
    fprintf(stderr, "llmspoold: %s\n", error->text);
    return error_exit(error->kind);
}

static int usage_error(const char *what, const char *value)
{
    fprintf(stderr, "llmspoold: %s: %s (see llmspoold --help)\n", what, value);
    return 64;
}

static int check_config(const struct config_options *config_options)
{
    struct error error;
    struct config *config = config_read(config_options, &error);

    if (config == NULL)
        return fail(&error);
    config_print(config, stdout);
    config_free(config);
    return fflush(stdout) == 0 ? 0 : 73;
}

/* The default model of the spool that is meant, for the caller to free; NULL with an error. */
static char *default_model(const char *given, struct error *error)
{
    char *path = spool_find(given, error);
    struct spool *spool = path != NULL ? spool_open(path, error) : NULL;
    char *model = spool != NULL ? xstrdup(spool->default_model) : NULL;

    spool_close(spool);
    free(path);
    return model;
}

static int probe(const struct config_options *config_options, struct probe_options *asked,
                 const char *given)
{
    struct error error = {0}, no_spool = {0};
    struct config *config = config_read(config_options, &error);
    char *model = NULL;
    int result = -1;

    signal(SIGPIPE, SIG_IGN);
    if (asked->timeout_ms == 0)
        asked->timeout_ms = PROBE_TIMEOUT_MS;
    if (config != NULL && asked->model == NULL && probe_wants_model(config)) {
        model = default_model(given, &no_spool);
        asked->model = model;
    }
    if (config != NULL && model == NULL && given != NULL && no_spool.kind != ERROR_NONE)
        error = no_spool;
    else if (config != NULL)
        result = probe_run(config, asked, &clock_system, &error);
    config_free(config);
    free(model);
    if (result < 0)
        return fail(&error);
    return fflush(stdout) == 0 && !ferror(stdout) ? result : 73;
}

static int run(struct daemon_options *daemon, const char *given)
{
    struct error error;
    char *path = spool_find(given, &error);
    int result;

    if (path == NULL)
        return fail(&error);
    daemon->spool = path;
    result = daemon_run(daemon, &error);
    free(path);
    return result < 0 ? fail(&error) : result;
}

static bool read_number(const char *text, unsigned *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == '\0' || *text == '-' || *end != '\0' || value == 0 || value > 100000)
        return false;
    *number = (unsigned)value;
    return true;
}

/* The command line. */
struct line {
    struct daemon_options daemon;
    struct probe_options asked;
    const char *given; /* spool */
    bool check;
    bool probe;
};

/* An option of --probe. Returns an exit code, or -1 to go on. */
static int take_probe(struct line *line, int option)
{
    switch (option) {
    case OPTION_PROBE:
        line->probe = true;
        break;
    case OPTION_MODEL:
        line->asked.model = optarg;
        break;
    case OPTION_TIMEOUT:
        if (timetext_read_duration(optarg, &line->asked.timeout_ms) < 0 ||
            line->asked.timeout_ms <= 0)
            return usage_error("--timeout wants a duration such as 30s", optarg);
        break;
    case OPTION_JSON:
        line->asked.json = true;
        break;
    default:
        return 64;
    }
    return -1;
}

/* Returns an exit code, or -1 to go on. */
static int take_option(struct line *line, int option)
{
    struct config_options *config = &line->daemon.config;

    switch (option) {
    case 's':
        line->given = optarg;
        break;
    case 'c':
        config->path = optarg;
        break;
    case 'j':
        if (!read_number(optarg, &config->concurrency))
            return usage_error("--concurrency wants a number of 1 or more", optarg);
        break;
    case OPTION_DRAIN:
        if (timetext_read_duration(optarg, &config->drain_timeout_ms) < 0)
            return usage_error("--drain-timeout wants a duration such as 90s", optarg);
        break;
    case OPTION_UNTIL_EMPTY:
        line->daemon.until_empty = true;
        break;
    case OPTION_PATIENCE:
        if (timetext_read_duration(optarg, &line->daemon.patience_ms) < 0)
            return usage_error("--patience wants a duration such as 10m", optarg);
        break;
    case OPTION_LOG_LEVEL:
        if (!log_level_read(optarg, &line->daemon.log_level))
            return usage_error("--log-level wants error, warning, info or debug", optarg);
        break;
    case OPTION_CHECK:
        line->check = true;
        break;
    case OPTION_FOREGROUND:
        break;
    case OPTION_HELP:
        fputs(usage, stdout);
        return 0;
    case OPTION_VERSION:
        puts("llmspoold " PACKAGE_VERSION);
        return 0;
    default:
        return take_probe(line, option);
    }
    return -1;
}

/* Returns an exit code, or -1 when the options fit together. */
static int check_line(const struct line *line)
{
    const struct probe_options *asked = &line->asked;

    if (!line->probe && (asked->model != NULL || asked->json || asked->timeout_ms > 0))
        return usage_error("--model, --timeout and --json", "only with --probe");
    if (line->check && line->probe)
        return usage_error("--check-config and --probe", "one at a time");
    return -1;
}

int main(int argc, char **argv)
{
    struct line line = {
        .daemon = {.log_level = LOG_LEVEL_INFO, .patience_ms = 60 * 1000},
        .asked = {.out = stdout},
    };
    int option, result = -1;

    xalloc_jansson();
    while (result < 0 && (option = getopt_long(argc, argv, "s:c:j:", options, NULL)) != -1)
        result = take_option(&line, option);
    if (result < 0 && optind < argc)
        result = usage_error("unexpected argument", argv[optind]);
    if (result < 0)
        result = check_line(&line);
    if (result >= 0)
        return result;
    if (line.probe)
        return probe(&line.daemon.config, &line.asked, line.given);
    return line.check ? check_config(&line.daemon.config) : run(&line.daemon, line.given);
}
