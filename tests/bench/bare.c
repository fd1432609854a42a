/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bare: the least that any client of the mock must do: a libcurl multi loop that posts N prompts, C at a
 * time, and throws the answers away. The benchmark's yardstick.
 *
 * usage: bare URL N C
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_SIZE = 256 };

struct slot {
    CURL *easy;
    char body[BODY_SIZE];
};

struct load {
    CURLM *multi;
    struct curl_slist *headers;
    char url[256];
    long left;   /* not sent yet */
    long failed;
};

static size_t swallow(char *bytes, size_t size, size_t count, void *unused)
{
    (void)bytes;
    (void)unused;
    return size * count;
}

static int send_next(struct load *load, struct slot *slot)
{
    if (load->left == 0) {
        return 0;
    }
    snprintf(slot->body, sizeof slot->body,
             "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"bare %ld\"}]}",
             load->left--);
    curl_easy_setopt(slot->easy, CURLOPT_URL, load->url);
    curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, load->headers);
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, slot->body);
    curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, (void *)slot);
    return curl_multi_add_handle(load->multi, slot->easy) == CURLM_OK ? 1 : -1;
}

static void take_ended(struct load *load)
{
    CURLMsg *message;
    int queued;

    while ((message = curl_multi_info_read(load->multi, &queued)) != NULL) {
        CURL *easy = message->easy_handle;
        struct slot *slot = NULL;
        long status = 0;

        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        load->failed += message->data.result != CURLE_OK || status != 200;
        curl_multi_remove_handle(load->multi, easy);
        send_next(load, slot);
    }
}

int main(int argc, char **argv)
{
    struct load load = {0};
    long concurrency = argc == 4 ? atol(argv[3]) : 0;
    struct slot *slots;
    int running = 1;

    if (concurrency < 1 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fprintf(stderr, "usage: bare URL N C\n");
        return 64;
    }
    snprintf(load.url, sizeof load.url, "%s/chat/completions", argv[1]);
    load.left = atol(argv[2]);
    load.multi = curl_multi_init();
    load.headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_multi_setopt(load.multi, CURLMOPT_MAXCONNECTS, concurrency);
    slots = calloc((size_t)concurrency, sizeof *slots);
    for (long i = 0; slots != NULL && i < concurrency; i++) {
        slots[i].easy = curl_easy_init();
        send_next(&load, &slots[i]);
    }
    while (running > 0 || load.left > 0) {
        curl_multi_perform(load.multi, &running);
        take_ended(&load);
        curl_multi_perform(load.multi, &running);
        if (running > 0) {
            curl_multi_poll(load.multi, NULL, 0, 1000, NULL);
        }
    }
    take_ended(&load);
    if (load.failed > 0) {
        fprintf(stderr, "bare: %ld requests failed\n", load.failed);
    }
    return load.failed > 0 ? 1 : 0;
}
