/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-httpd: HTTP for a spool: jobs, events, metrics and a page; a process without keys.
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/clock.h"
#include "base/notify.h"
#include "base/timetext.h"
#include "client/cli.h"
#include "httpd/front.h"
#include "httpd/optionfile.h"
#include "httpd/route.h"
#include "httpd/tokenfile.h"
#include "httpd/tokens.h"

#define PROGRAM "llmspool-httpd"

static const char usage[] =
    "usage: llmspool-httpd [-s DIR] [-c FILE] [options]\n"
    "       llmspool-httpd [-c FILE] --new-token USER [--scope LIST] [--expires D]\n"
    "       llmspool-httpd [-c FILE] --list-tokens | --revoke-token ID\n"
    "Serves a spool by HTTP, in the foreground, on the loopback interface.\n"
    "\n"
    "  -s, --spool DIR             the spool (see llmspool(7) for where it is\n"
    "                              looked for)\n"
    "  -c, --config FILE           configuration; see llmspool-httpd(8)\n"
    "      --listen HOST:PORT      where to listen (127.0.0.1:8090; port 0: any)\n"
    "      --allow-remote          another address than a loopback one; needs a\n"
    "                              token, and TLS or --insecure\n"
    "      --insecure              without TLS, behind a proxy that has it\n"
    "      --tokens FILE           bearer tokens, of --new-token\n"
    "      --tls-certificate FILE  chain of certificates, PEM\n"
    "      --tls-key FILE          its key, PEM\n"
    "      --log-level LEVEL       error, warning, info or debug (info)\n"
    "\n"
    "      --new-token USER        print a new token for this user, once, and add\n"
    "                              its SHA-256 to the tokens file\n"
    "        --scope LIST          of read, submit and admin (read,submit)\n"
    "        --expires D           when it ends, from now: 90d (never)\n"
    "      --list-tokens           print IDs, users and scopes\n"
    "      --revoke-token ID       remove one; a server notices within a second\n"
    "      --help, --version (alone)\n"
    "\n"
    "SIGTERM ends requests within ten seconds and leaves; SIGHUP reads tokens and\n"
    "certificate again. More in llmspool-httpd(8).\n";

enum {
    OPTION_LISTEN = 256,
    OPTION_REMOTE,
    OPTION_INSECURE,
    OPTION_TOKENS,
    OPTION_CERTIFICATE,
    OPTION_KEY,
    OPTION_LOG_LEVEL,
    OPTION_NEW_TOKEN,
    OPTION_SCOPE,
    OPTION_EXPIRES,
    OPTION_LIST_TOKENS,
    OPTION_REVOKE_TOKEN,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option options[] = {
    {"spool", required_argument, NULL, 's'},
    {"config", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"allow-remote", no_argument, NULL, OPTION_REMOTE},
    {"insecure", no_argument, NULL, OPTION_INSECURE},
    {"tokens", required_argument, NULL, OPTION_TOKENS},
    {"tls-certificate", required_argument, NULL, OPTION_CERTIFICATE},
    {"tls-key", required_argument, NULL, OPTION_KEY},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"new-token", required_argument, NULL, OPTION_NEW_TOKEN},
    {"scope", required_argument, NULL, OPTION_SCOPE},
    {"expires", required_argument, NULL, OPTION_EXPIRES},
    {"list-tokens", no_argument, NULL, OPTION_LIST_TOKENS},
    {"revoke-token", required_argument, NULL, OPTION_REVOKE_TOKEN},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* What the command line says; NULL and false: nothing. */
struct words {
    const char *config;
    const char *spool, *listen, *tokens, *certificate, *key, *level;
    bool remote, insecure;
    const char *new_token, *scope, *expires, *revoke;
    bool list;
};

/* --- the command line --- */

static const char **word_of(struct words *words, int option)
{
    switch (option) {
    case 's':
        return &words->spool;
    case 'c':
        return &words->config;
    case OPTION_LISTEN:
        return &words->listen;
    case OPTION_TOKENS:
        return &words->tokens;
    case OPTION_CERTIFICATE:
        return &words->certificate;
    case OPTION_KEY:
        return &words->key;
    case OPTION_LOG_LEVEL:
        return &words->level;
    case OPTION_NEW_TOKEN:
        return &words->new_token;
    case OPTION_SCOPE:
        return &words->scope;
    case OPTION_EXPIRES:
        return &words->expires;
    case OPTION_REVOKE_TOKEN:
        return &words->revoke;
    default:
        return NULL;
    }
}

/* Reads the command line. Returns -1 to go on, or an exit code. */
static int read_options(int argc, char **argv, struct words *words)
{
    int option;

    while ((option = getopt_long(argc, argv, "s:c:", options, NULL)) != -1) {
        const char **word = word_of(words, option);

        if (word != NULL)
            *word = optarg;
        else if (option == OPTION_REMOTE)
            words->remote = true;
        else if (option == OPTION_INSECURE)
            words->insecure = true;
        else if (option == OPTION_LIST_TOKENS)
            words->list = true;
        else if (option == OPTION_HELP)
            return cli_help(usage);
        else if (option == OPTION_VERSION)
            return cli_version(PROGRAM);
        else
            return cli_usage(PROGRAM, "that is no option");
    }
    if (optind < argc)
        return cli_usage(PROGRAM, "there is nothing to do with \"%s\"", argv[optind]);
    if ((words->new_token != NULL) + (words->revoke != NULL) + words->list > 1)
        return cli_usage(PROGRAM, "one of --new-token, --list-tokens and --revoke-token at a time");
    if (words->new_token == NULL && (words->scope != NULL || words->expires != NULL))
        return cli_usage(PROGRAM, "--scope and --expires go with --new-token");
    return -1;
}

/* The command line wins over the configuration. Returns -1 to go on, or an exit code. */
static int apply(const struct words *words, struct front_options *wanted)
{
    struct error error = {.kind = ERROR_NONE};

    if (optionfile_read(wanted, words->config, &error) < 0)
        return cli_fail(PROGRAM, &error);
    if (words->spool != NULL)
        options_set(&wanted->spool, words->spool);
    if (words->listen != NULL)
        options_set(&wanted->listen, words->listen);
    if (words->tokens != NULL)
        options_set(&wanted->tokens, words->tokens);
    if (words->certificate != NULL)
        options_set(&wanted->tls_certificate, words->certificate);
    if (words->key != NULL)
        options_set(&wanted->tls_key, words->key);
    wanted->allow_remote = wanted->allow_remote || words->remote;
    wanted->insecure = wanted->insecure || words->insecure;
    if (words->level != NULL && !log_level_read(words->level, &wanted->level))
        return cli_usage(PROGRAM, "--log-level is error, warning, info or debug");
    return -1;
}

/* --- tokens --- */

static int new_token(const char *path, const struct words *words)
{
    struct error error = {.kind = ERROR_NONE};
    struct token token = {.scopes = SCOPE_READ | SCOPE_SUBMIT};
    char text[TOKEN_TEXT_SIZE];
    int64_t lasts_ms = 0;

    if (!token_user_ok(words->new_token))
        return cli_usage(PROGRAM, "a user is 1 to %d of the characters A-Z a-z 0-9 . _ @ -",
                         TOKEN_USER_LIMIT);
    if (words->scope != NULL && !token_read_scopes(words->scope, &token.scopes))
        return cli_usage(PROGRAM, "--scope is a list of read, submit and admin, such as "
                                  "read,submit");
    if (words->expires != NULL &&
        (timetext_read_duration(words->expires, &lasts_ms) != 0 || lasts_ms == 0))
        return cli_usage(PROGRAM, "--expires is a duration such as 90d");
    memcpy(token.user, words->new_token, strlen(words->new_token) + 1);
    if (lasts_ms > 0)
        token.expires.ms = clock_wall(&clock_system).ms + lasts_ms;
    if (tokenfile_add(path, &token, text, &error) < 0)
        return cli_fail(PROGRAM, &error);
    printf("%s\n", text);
    explicit_bzero(text, sizeof text);
    return cli_finish(PROGRAM, EXIT_DONE);
}

static int change_tokens(const struct front_options *wanted, const struct words *words)
{
    const char *path = wanted->tokens != NULL ? wanted->tokens : TOKENS_PLACE;
    struct error error = {.kind = ERROR_NONE};

    if (words->new_token != NULL)
        return new_token(path, words);
    if (words->revoke != NULL)
        return tokenfile_revoke(path, words->revoke, &error) < 0 ? cli_fail(PROGRAM, &error)
                                                                 : EXIT_DONE;
    return tokenfile_list(path, stdout, &error) < 0 ? cli_fail(PROGRAM, &error)
                                                    : cli_finish(PROGRAM, EXIT_DONE);
}

/* --- serving --- */

static void told_to_stop(uv_signal_t *handle, int number)
{
    struct front *front = handle->data;

    (void)number;
    if (front->draining)
        uv_stop(handle->loop);
    notify_send("STOPPING=1\nSTATUS=Ending requests");
    front_drain(front);
}

static void told_to_reload(uv_signal_t *handle, int number)
{
    char state[80];

    (void)number;
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)notify_monotonic_us());
    notify_send(state);
    front_reload(handle->data);
    notify_send("READY=1");
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
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uv_signal_t signals[3];
    struct error error = {.kind = ERROR_NONE};
    struct front *front = front_open(loop, wanted, &error);

    if (front == NULL) {
        (void)uv_run(loop, UV_RUN_NOWAIT);
        return cli_fail(PROGRAM, &error);
    }
    for (size_t i = 0; i < 3; i++) {
        (void)uv_signal_init(loop, &signals[i]);
        signals[i].data = front;
        (void)uv_signal_start(&signals[i], i < 2 ? told_to_stop : told_to_reload, numbers[i]);
    }
    printf("listening on %s\n", front_url(front));
    if (cli_finish(PROGRAM, EXIT_DONE) == EXIT_DONE) {
        notify_send("READY=1\nSTATUS=Running");
        (void)uv_run(loop, UV_RUN_DEFAULT);
    }
    front_close(front);
    uv_walk(loop, close_handle, NULL);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    return EXIT_DONE;
}

static int open_loop(const struct front_options *wanted)
{
    uv_loop_t loop;
    int result;

    if (uv_loop_init(&loop) != 0) {
        fprintf(stderr, PROGRAM ": cannot make an event loop\n");
        return EXIT_ABSENT;
    }
    result = serve(&loop, wanted);
    (void)uv_loop_close(&loop);
    return result;
}

/* Tokens, sessions and a TLS key are in memory: no core, and nobody looks in. */
static void keep_secrets(void)
{
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    (void)prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv)
{
    struct front_options wanted;
    struct words words = {0};
    int result;

    cli_start();
    result = read_options(argc, argv, &words);
    if (result >= 0)
        return result;
    (void)signal(SIGPIPE, SIG_IGN);
    keep_secrets();
    options_init(&wanted);
    result = apply(&words, &wanted);
    if (result < 0 && (words.new_token != NULL || words.revoke != NULL || words.list))
        result = change_tokens(&wanted, &words);
    else if (result < 0)
        result = open_loop(&wanted);
    options_free(&wanted);
    return result;
}
