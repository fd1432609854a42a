/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flight: posts N prompts, C at a time, by src/upstream/transfer and prints one line of JSON about
 * how they ended. For the benchmark, and for tests that need a client in a process of its own.
 *
 * usage: flight [OPTION …] URL N C
 *   --ca FILE                          to trust
 *   --own-ca FILE --cert FILE --key FILE --proxy URL    of each request
 *   --alternate                        … but of every other one only
 *   --secret HEADER                    the header with the key
 *   --size BYTES                       of each body, at least
 *   --first-byte MS --idle MS --total MS                time-outs
 *   --listen                           be told of bytes as they come, and want no compression
 */
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/xalloc.h"
#include "upstream/transfer.h"

enum { ENDS = TRANSFER_ABORTED + 1, STATUSES = 600 };

struct load {
    struct transfers *transfers;
    struct transfer_request request; /* all but the body */
    int64_t size;                    /* of each body, at least */
    bool alternate;
    long sent;
    long left;
    long ends[ENDS];
    long statuses[STATUSES];
    long timed_out;
    long silent; /* of those, before the first byte */
    uint64_t told; /* bytes, by on_data */
    uint64_t kept; /* bytes, in the end */
    json_t *messages;
};

static bool on_data(void *context, const struct transfer_head *head, const char *bytes,
                    size_t length)
{
    struct load *load = context;
    (void)head, (void)bytes;
    load->told += length;
    return true;
}

static void send_next(struct load *load);

static void on_done(void *context, struct transfer_result *result)
{
    struct load *load = context;
    load->ends[result->end]++;
    load->statuses[result->status >= 0 && result->status < STATUSES ? result->status : 0]++;
    load->timed_out += result->timed_out;
    load->silent += result->before_first_byte;
    load->kept += result->body.length;
    if (result->message[0] != '\0') {
        json_int_t count = json_integer_value(json_object_get(load->messages, result->message));
        json_object_set_new(load->messages, result->message, json_integer(count + 1));
    }
    if (load->left > 0)
        send_next(load);
}

static void send_next(struct load *load)
{
    struct error error;
    struct buffer body = {0};
    struct transfer_request request = load->request;
    load->left--;
    buffer_printf(&body,
                  "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"flight %ld",
                  load->sent++);
    while ((int64_t)body.length < load->size)
        buffer_text(&body, " and more of it");
    buffer_text(&body, "\"}]}");
    request.body = &body;
    if (load->alternate && load->sent % 2 == 0)
        request.ca_file = request.client_cert = request.client_key = request.proxy = NULL;
    if (transfer_start(load->transfers, &request, on_done, load, &error) == NULL) {
        fprintf(stderr, "flight: %s\n", error.text);
        exit(1);
    }
}

static void print(const struct load *load)
{
    static const char *const ends[ENDS] = {"answered", "not_sent", "unknown", "aborted"};
    struct transfers_counts counts = transfers_counts(load->transfers);
    struct rusage usage;
    json_t *line = json_object();
    json_t *statuses = json_object();
    for (size_t i = 0; i < ENDS; i++)
        json_object_set_new(line, ends[i], json_integer(load->ends[i]));
    for (int i = 1; i < STATUSES; i++) {
        char name[12];
        (void)snprintf(name, sizeof name, "%d", i);
        if (load->statuses[i] > 0)
            json_object_set_new(statuses, name, json_integer(load->statuses[i]));
    }
    json_object_set_new(line, "statuses", statuses);
    json_object_set_new(line, "timed_out", json_integer(load->timed_out));
    json_object_set_new(line, "silent", json_integer(load->silent));
    json_object_set_new(line, "connections", json_integer((json_int_t)counts.connections));
    json_object_set_new(line, "told", json_integer((json_int_t)load->told));
    json_object_set_new(line, "kept", json_integer((json_int_t)load->kept));
    json_object_set_new(line, "messages", load->messages);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        json_object_set_new(line, "rss_kib", json_integer(usage.ru_maxrss));
    json_dumpf(line, stdout, JSON_COMPACT);
    puts("");
    json_decref(line);
}

static int usage(void)
{
    fprintf(stderr, "usage: flight [OPTION ...] URL N C\n");
    return 64;
}

/* Each option's letter is never typed: texts have capitals, numbers have digits. */
static bool read_options(int argc, char **argv, struct load *load, const char **ca_file)
{
    static const struct option options[] = {
        {"ca", required_argument, NULL, 'A'},
        {"own-ca", required_argument, NULL, 'B'},
        {"cert", required_argument, NULL, 'C'},
        {"key", required_argument, NULL, 'D'},
        {"proxy", required_argument, NULL, 'E'},
        {"secret", required_argument, NULL, 'F'},
        {"size", required_argument, NULL, '0'},
        {"first-byte", required_argument, NULL, '1'},
        {"idle", required_argument, NULL, '2'},
        {"total", required_argument, NULL, '3'},
        {"alternate", no_argument, NULL, 'a'},
        {"listen", no_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    struct transfer_request *request = &load->request;
    const char **const texts[] = {
        ca_file,         &request->ca_file,      &request->client_cert, &request->client_key,
        &request->proxy, &request->secret_header};
    int64_t *const numbers[] = {&load->size, &request->first_byte_timeout_ms,
                                &request->idle_timeout_ms, &request->total_timeout_ms};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option >= 'A' && option <= 'F')
            *texts[option - 'A'] = optarg;
        else if (option >= '0' && option <= '3')
            *numbers[option - '0'] = atol(optarg);
        else if (option == 'a')
            load->alternate = true;
        else if (option == 'l')
            request->on_data = on_data, request->identity = true;
        else
            return false;
    }
    return argc - optind == 3;
}

/* Each connection takes a descriptor. */
static void widen_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct load load = {
        .request = {.headers = headers,
                    .connect_timeout_ms = 30000,
                    .first_byte_timeout_ms = 120000,
                    .total_timeout_ms = 300000,
                    .answer_limit = 64 << 20,
                    .data_context = &load},
        .messages = json_object(),
    };
    const char *ca_file = NULL;
    struct error error;
    uv_loop_t loop;
    if (!read_options(argc, argv, &load, &ca_file) || uv_loop_init(&loop) != 0)
        return usage();
    widen_descriptors();
    (void)signal(SIGPIPE, SIG_IGN);
    load.request.url = argv[optind];
    load.left = atol(argv[optind + 1]);
    load.transfers = transfers_open(&loop, 0, ca_file, NULL, &error);
    if (load.transfers == NULL) {
        fprintf(stderr, "flight: %s\n", error.text);
        return 1;
    }
    for (long i = atol(argv[optind + 2]); i > 0 && load.left > 0; i--)
        send_next(&load);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    print(&load);
    transfers_close(load.transfers);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
