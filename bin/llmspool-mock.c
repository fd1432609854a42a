/* SPDX-License-Identifier: GPL-2.0-or-later */
/* llmspool-mock: a loopback server that speaks the providers' protocols and misbehaves on request.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/xalloc.h"
#include "mock/server.h"
#include "mock/settings.h"

enum { EXIT_USAGE = 64, THREADS = 2, OPTIONS_MAX = 64 };

/* What the options of the command alone are known by; settings follow from OPTION_SETTING on. */
enum {
    OPTION_HELP = 256,
    OPTION_VERSION,
    OPTION_LISTEN,
    OPTION_ALLOW_REMOTE,
    OPTION_LEDGER_FILE,
    OPTION_SETTING
};

static const struct option own_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"allow-remote", no_argument, NULL, OPTION_ALLOW_REMOTE},
    {"ledger-file", required_argument, NULL, OPTION_LEDGER_FILE},
};

enum { OWN_COUNT = sizeof own_options / sizeof own_options[0] };

static void print_usage(FILE *out)
{
    size_t count;
    const struct settings_option *settings = settings_options(&count);

    (void)fputs("usage: llmspool-mock [OPTION]...\n"
                "Answers model calls on this machine; see llmspool-mock(1).\n\n"
                "  --listen HOST:PORT        where to listen (127.0.0.1:8080; port 0: any)\n"
                "  --allow-remote            allow a HOST that other machines reach\n"
                "  --ledger-file FILE        append a line for each request received\n",
                out);
    for (size_t i = 0; i < count; i++) {
        char option[64];

        (void)snprintf(option, sizeof option, "--%s %s", settings[i].name,
                       settings[i].argument != NULL ? settings[i].argument : "");
        (void)fprintf(out, "  %-25s %s\n", option, settings[i].help);
    }
    (void)fputs("  --help, --version\n", out);
}

static void make_options(struct option options[OPTIONS_MAX])
{
    size_t count;
    const struct settings_option *settings = settings_options(&count);

    memset(options, 0, OPTIONS_MAX * sizeof *options);
    memcpy(options, own_options, sizeof own_options);
    for (size_t i = 0; i < count && OWN_COUNT + i < OPTIONS_MAX - 1; i++) {
        options[OWN_COUNT + i] = (struct option){
            settings[i].name,
            settings[i].argument != NULL ? required_argument : no_argument,
            NULL,
            OPTION_SETTING + (int)i,
        };
    }
}

static int fail(const struct error *error)
{
    (void)fprintf(stderr, "llmspool-mock: %s\n", error->text);
    return error_exit(error->kind);
}

/* Reads the command line. Returns -1 to go on, or an exit code. */
static int read_options(int argc, char **argv, struct server_options *options,
                        struct settings *settings)
{
    struct option known[OPTIONS_MAX];
    struct error error = {.kind = ERROR_NONE};
    int option;

    make_options(known);
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case OPTION_HELP:
            print_usage(stdout);
            return EXIT_SUCCESS;
        case OPTION_VERSION:
            (void)puts("llmspool-mock " PACKAGE_VERSION);
            return EXIT_SUCCESS;
        case OPTION_LISTEN:
            options->listen = optarg;
            break;
        case OPTION_ALLOW_REMOTE:
            options->allow_remote = true;
            break;
        case OPTION_LEDGER_FILE:
            options->ledger_file = optarg;
            break;
        case '?':
            print_usage(stderr);
            return EXIT_USAGE;
        default:
            if (settings_apply(settings, known[OWN_COUNT + option - OPTION_SETTING].name,
                               optarg != NULL ? optarg : "true", &error) != 0) {
                return fail(&error);
            }
        }
    }
    if (optind < argc) {
        error_set(&error, ERROR_USAGE, "there is nothing to do with \"%s\"", argv[optind]);
        return fail(&error);
    }
    return -1;
}

/* The server's threads must not take the signals that end us, so they are blocked before it starts.
 */
static int serve(const struct server_options *options, struct settings *settings)
{
    struct error error = {.kind = ERROR_NONE};
    struct server *server;
    sigset_t signals;
    int number;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    server = server_start(options, settings, &clock_system, &error);
    if (server == NULL) {
        return fail(&error);
    }
    (void)printf("listening on %s\n", server_url(server));
    if (fflush(stdout) != 0) {
        error_set(&error, ERROR_SYSTEM, "cannot write to standard output");
        server_stop(server);
        return fail(&error);
    }
    (void)sigwait(&signals, &number);
    server_stop(server);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct server_options options = {.listen = "127.0.0.1:8080", .threads = THREADS};
    struct settings *settings;
    int code;

    xalloc_jansson();
    settings = settings_new();
    code = read_options(argc, argv, &options, settings);
    if (code >= 0) {
        settings_drop(settings);
        return code;
    }
    return serve(&options, settings);
}
