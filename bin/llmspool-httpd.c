/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-httpd: HTTP for a spool: jobs, events, metrics and a page; a process without keys.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "client/cli.h"
#include "httpd/front.h"

#define PROGRAM "llmspool-httpd"

enum { MAX_WAITING = 1000 * 1000 };

static const char usage[] =
    "usage: llmspool-httpd [-s DIR] [options]\n"
    "Serves a spool by HTTP.\n"
    "\n"
    "  -s, --spool DIR         the spool (see llmspool(7) for where it is looked for)\n"
    "      --listen HOST:PORT  where to listen (127.0.0.1:8090; port 0: any)\n"
    "      --max-waiting N     refuse jobs while so many wait (1000000; 0: never)\n"
    "      --help, --version (alone)\n";

enum { OPTION_LISTEN = 256, OPTION_MAX_WAITING, OPTION_HELP, OPTION_VERSION };

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"max-waiting", required_argument, NULL, OPTION_MAX_WAITING},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static bool read_number(const char *text, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

/* Reads the command line. Returns -1 to go on, or an exit code. */
static int read_options(int argc, char **argv, struct front_options *wanted)
{
    int option;

    while ((option = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
        switch (option) {
        case 's':
            wanted->spool = optarg;
            break;
        case OPTION_LISTEN:
            wanted->listen = optarg;
            break;
        case OPTION_MAX_WAITING:
            if (!read_number(optarg, &wanted->max_waiting))
                return cli_usage(PROGRAM, "--max-waiting takes a number, not \"%s\"", optarg);
            break;
        case OPTION_HELP:
            return cli_help(usage);
        case OPTION_VERSION:
            return cli_version(PROGRAM);
        default:
            return cli_usage(PROGRAM, "that is no option");
        }
    }
    return optind < argc ? cli_usage(PROGRAM, "there is nothing to do with \"%s\"", argv[optind])
                         : -1;
}

static void told_to_stop(uv_signal_t *handle, int number)
{
    (void)number;
    uv_stop(handle->loop);
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Serves until a signal says stop. */
static int serve(uv_loop_t *loop, const struct front_options *wanted)
{
    uv_signal_t signals[2];
    struct error error = {.kind = ERROR_NONE};
    struct front *front = front_open(loop, wanted, &error);

    if (front == NULL)
        return cli_fail(PROGRAM, &error);
    for (size_t i = 0; i < 2; i++) {
        (void)uv_signal_init(loop, &signals[i]);
        (void)uv_signal_start(&signals[i], told_to_stop, i == 0 ? SIGTERM : SIGINT);
    }
    printf("listening on %s\n", front_url(front));
    if (cli_finish(PROGRAM, EXIT_DONE) == EXIT_DONE)
        (void)uv_run(loop, UV_RUN_DEFAULT);
    front_close(front);
    uv_walk(loop, close_handle, NULL);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    struct front_options wanted = {.listen = "127.0.0.1:8090", .max_waiting = MAX_WAITING};
    uv_loop_t loop;
    int result;

    cli_start();
    result = read_options(argc, argv, &wanted);
    if (result >= 0)
        return result;
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop) != 0) {
        fprintf(stderr, PROGRAM ": cannot make an event loop\n");
        return EXIT_ABSENT;
    }
    result = serve(&loop, &wanted);
    (void)uv_loop_close(&loop);
    return result;
}
