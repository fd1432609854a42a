/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * llmspool-mail: the hook that sends a notice as mail, through sendmail(8).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/cli.h"
#include "client/letter.h"
#include "job/mail.h"
#include "spool/file.h"

#define PROGRAM "llmspool-mail"

enum { NOTICE_LIMIT = 1024 * 1024, HOST_SIZE = 256, EXIT_CONFIG = 78 };

static const char usage[] =
    "usage: llmspool-mail [--from ADDRESS] [--sendmail FILE] [ADDRESS ...]\n"
    "Sends the notice on standard input as mail, to each ADDRESS, or without any to\n"
    "whom the notice names. It is made to be the command of a hook:\n"
    "    hook \"mail\" { command = {\"" PKGLIBEXECDIR "/llmspool-mail\"} }\n"
    "\n"
    "      --from ADDRESS      who sends it; else sendmail says\n"
    "      --sendmail FILE     in place of /usr/sbin/sendmail\n"
    "      --help, --version\n"
    "\n"
    "More in llmspool-hooks(7).\n";

static const struct option options[] = {
    {"from", required_argument, NULL, 'f'},
    {"sendmail", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {0},
};

extern char **environ;

/* Runs it with the message as its standard input. Returns its exit code, 75 where it could not be run now. */
static int send_by(const char *sendmail, const struct buffer *message)
{
    char name[] = "sendmail", no_dots[] = "-oi", by_headers[] = "-t";
    char *const command[] = {name, no_dots, by_headers, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2], status, result;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0 || posix_spawn_file_actions_init(&actions) != 0) {
        return EXIT_LATER;
    }
    result = posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    if (result == 0) {
        result = posix_spawn(&pid, sendmail, &actions, NULL, command, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    if (result != 0) {
        fprintf(stderr, PROGRAM ": %s cannot be run: %s\n", sendmail, strerror(result));
        close(ends[1]);
        return EXIT_CONFIG;
    }
    result = file_write(ends[1], message->bytes, message->length);
    close(ends[1]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status)) {
        return EXIT_LATER;
    }
    return WEXITSTATUS(status) == 0 && result < 0 ? EXIT_LATER : WEXITSTATUS(status);
}

static json_t *read_notice(struct error *error)
{
    struct buffer text = {0};
    json_t *notice = NULL;
    int result = file_read(STDIN_FILENO, NOTICE_LIMIT, &text);

    if (result < 0) {
        error_system(error, -result, "the notice cannot be read");
    } else {
        notice = jsontext_read(text.bytes != NULL ? text.bytes : "", text.length, error);
    }
    buffer_free(&text);
    return notice;
}

static int send_notice(struct letter *letter, const char *sendmail)
{
    struct error error;
    struct buffer message = {0};
    json_t *notice = read_notice(&error);
    const char *to = jsontext_get_text(notice, "to", NULL);
    int result;

    if (notice == NULL) {
        return cli_fail(PROGRAM, &error);
    }
    if (letter->to_count == 0 && to != NULL && mail_address_good(to)) {
        letter->to = &to;
        letter->to_count = 1;
    }
    if (letter->to_count == 0) {
        error_set(&error, ERROR_DATA, "the notice names no address that mail can be sent to, and the command none");
        result = cli_fail(PROGRAM, &error);
    } else if (letter_write(&message, notice, letter, &error) < 0) {
        result = cli_fail(PROGRAM, &error);
    } else {
        result = send_by(sendmail, &message);
    }
    buffer_free(&message);
    json_decref(notice);
    return result;
}

/* Returns an exit code, or -1 to go on. */
static int check_address(const char *address)
{
    return mail_address_good(address)
               ? -1
               : cli_usage(PROGRAM, "%s is no address that mail is sent to", address);
}

int main(int argc, char **argv)
{
    const char *sendmail = "/usr/sbin/sendmail";
    char host[HOST_SIZE] = "localhost";
    struct letter letter = {.now = clock_wall(&clock_system), .host = host};
    int option, result = -1;

    cli_start();
    signal(SIGPIPE, SIG_IGN); /* a sendmail that reads no further says why by its exit code */
    while (result < 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'f':
            letter.from = optarg;
            result = check_address(optarg);
            break;
        case 's':
            sendmail = optarg;
            break;
        case 'h':
            return cli_help(usage);
        case 'v':
            return cli_version(PROGRAM);
        default:
            result = cli_usage(PROGRAM, "such an option is not known");
        }
    }
    for (int i = optind; result < 0 && i < argc; i++) {
        result = check_address(argv[i]);
    }
    if (result >= 0) {
        return result;
    }
    letter.to = (const char *const *)argv + optind;
    letter.to_count = (size_t)(argc - optind);
    gethostname(host, sizeof host - 1);
    return send_notice(&letter, sendmail);
}
