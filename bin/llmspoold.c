/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspoold: the daemon's command line. All else is in src/daemon.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "spool/spool.h"

static const char usage[] =
    "usage: llmspoold [-s DIR] [-c FILE] [-j N] [options]\n"
    "Takes jobs from a spool, asks models, writes their answers; stays in the foreground.\n"
    "\n"
    "  -s, --spool DIR          the spool (see llmspool(7) for where it is looked for)\n"
    "  -c, --config FILE        configuration, llmspoold.conf(5)\n"
    "  -j, --concurrency N      requests in flight, all together\n"
    "      --drain-timeout D    how long a stop waits for requests in flight (120s)\n"
    "      --until-empty        leave when nothing is left: 0, 1 if something failed,\n"
    "                           75 if what is left cannot move within the patience\n"
    "      --patience D         how long nothing may move with --until-empty (60s)\n"
    "      --log-level LEVEL    error, warning, info or debug (info)\n"
    "      --check-config       print the effective configuration, keys masked, and leave\n"
    "      --foreground         what it always does; accepted for scripts\n"
    "      --help, --version\n"
    "\n"
    "SIGTERM finishes what is in flight and leaves; SIGINT twice leaves now; SIGHUP reads\n"
    "the configuration again. More in llmspoold(8).\n";

enum {
    OPTION_DRAIN = 256,
    OPTION_UNTIL_EMPTY,
    OPTION_PATIENCE,
    OPTION_LOG_LEVEL,
    OPTION_CHECK,
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

int main(int argc, char **argv)
{
    struct daemon_options daemon = {.log_level = LOG_LEVEL_INFO, .patience_ms = 60 * 1000};
    const char *given = NULL;
    bool check = false;
    int option;

    xalloc_jansson();
    while ((option = getopt_long(argc, argv, "s:c:j:", options, NULL)) != -1) {
        switch (option) {
        case 's':
            given = optarg;
            break;
        case 'c':
            daemon.config.path = optarg;
            break;
        case 'j':
            if (!read_number(optarg, &daemon.config.concurrency))
                return usage_error("--concurrency wants a number of 1 or more", optarg);
            break;
        case OPTION_DRAIN:
            if (timetext_read_duration(optarg, &daemon.config.drain_timeout_ms) < 0)
                return usage_error("--drain-timeout wants a duration such as 90s", optarg);
            break;
        case OPTION_UNTIL_EMPTY:
            daemon.until_empty = true;
            break;
        case OPTION_PATIENCE:
            if (timetext_read_duration(optarg, &daemon.patience_ms) < 0)
                return usage_error("--patience wants a duration such as 10m", optarg);
            break;
        case OPTION_LOG_LEVEL:
            if (!log_level_read(optarg, &daemon.log_level))
                return usage_error("--log-level wants error, warning, info or debug", optarg);
            break;
        case OPTION_CHECK:
            check = true;
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
            return 64;
        }
    }
    if (optind < argc)
        return usage_error("unexpected argument", argv[optind]);
    return check ? check_config(&daemon.config) : run(&daemon, given);
}
