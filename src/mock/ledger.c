/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ledger: a hash table of prompts behind one mutex. */
#include "mock/ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "mock/pulse.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

struct entry {
    UT_hash_handle hh;
    unsigned char digest[SHA256_SIZE];
    uint64_t received;
    uint64_t answered;
    uint64_t spent;   /* faults of its markers that were used up */
    uint64_t *faults; /* FAULT_COUNT of them; NULL while there was none */
    int64_t first_us;
    int64_t last_us;
    enum ledger_endpoint endpoint; /* of the last request */
    size_t prompt_length;
    char prompt[];
};

struct ledger {
    pthread_mutex_t lock;
    struct entry *entries;
    uint64_t received;
    uint64_t answered;
    uint64_t partial;
    uint64_t in_flight;
    uint64_t max_in_flight;
    uint64_t faults[FAULT_COUNT];
    uint64_t endpoints[LEDGER_ENDPOINTS];
    struct pulse pulse;
};

const char *ledger_endpoint_name(enum ledger_endpoint endpoint)
{
    static const char *const names[LEDGER_ENDPOINTS] = {
        [LEDGER_CHAT] = "chat",
        [LEDGER_COMPLETIONS] = "completions",
        [LEDGER_EMBEDDINGS] = "embeddings",
        [LEDGER_RESPONSES] = "responses",
        [LEDGER_MESSAGES] = "messages",
    };

    return names[endpoint];
}

size_t ledger_prompt_length(const char *prompt, size_t length)
{
    size_t end = LEDGER_PROMPT_BYTES;

    if (length <= LEDGER_PROMPT_BYTES) {
        return length;
    }
    while (end > 0 && ((unsigned char)prompt[end] & 0xc0) == 0x80) {
        end--;
    }
    return end;
}

struct ledger *ledger_new(void)
{
    struct ledger *ledger = xcalloc(1, sizeof *ledger);

    (void)pthread_mutex_init(&ledger->lock, NULL);
    return ledger;
}

static void clear_entries(struct ledger *ledger)
{
    struct entry *entry, *next;

    HASH_ITER(hh, ledger->entries, entry, next)
    {
        HASH_DEL(ledger->entries, entry);
        free(entry->faults);
        free(entry);
    }
}

void ledger_free(struct ledger *ledger)
{
    if (ledger != NULL) {
        clear_entries(ledger);
        pulse_clear(&ledger->pulse);
        (void)pthread_mutex_destroy(&ledger->lock);
        free(ledger);
    }
}

void ledger_clear(struct ledger *ledger)
{
    (void)pthread_mutex_lock(&ledger->lock);
    clear_entries(ledger);
    ledger->received = ledger->answered = ledger->partial = 0;
    ledger->max_in_flight = ledger->in_flight;
    memset(ledger->faults, 0, sizeof ledger->faults);
    memset(ledger->endpoints, 0, sizeof ledger->endpoints);
    pulse_clear(&ledger->pulse);
    (void)pthread_mutex_unlock(&ledger->lock);
}

static struct entry *find_entry(struct ledger *ledger, const unsigned char *digest)
{
    struct entry *entry = NULL;

    if (digest != NULL) {
        HASH_FIND(hh, ledger->entries, digest, SHA256_SIZE, entry);
    }
    return entry;
}

static struct entry *add_entry(struct ledger *ledger, const struct ledger_receipt *receipt)
{
    size_t length = ledger_prompt_length(receipt->prompt, receipt->prompt_length);
    struct entry *entry = xcalloc(1, sizeof *entry + length);

    memcpy(entry->digest, receipt->digest, SHA256_SIZE);
    memcpy(entry->prompt, receipt->prompt != NULL ? receipt->prompt : "", length);
    entry->prompt_length = length;
    entry->first_us = receipt->arrived_us;
    HASH_ADD(hh, ledger->entries, digest, SHA256_SIZE, entry);
    return entry;
}

uint64_t ledger_receive(struct ledger *ledger, const struct ledger_receipt *receipt)
{
    uint64_t count = 0;

    (void)pthread_mutex_lock(&ledger->lock);
    ledger->received++;
    ledger->endpoints[receipt->endpoint]++;
    pulse_at(&ledger->pulse, receipt->arrived_us)->requests++;
    ledger->in_flight++;
    if (ledger->in_flight > ledger->max_in_flight) {
        ledger->max_in_flight = ledger->in_flight;
    }
    if (receipt->digest != NULL) {
        struct entry *entry = find_entry(ledger, receipt->digest);

        entry = entry != NULL ? entry : add_entry(ledger, receipt);
        entry->last_us = receipt->arrived_us;
        entry->endpoint = receipt->endpoint;
        count = ++entry->received;
    }
    (void)pthread_mutex_unlock(&ledger->lock);
    return count;
}

void ledger_release(struct ledger *ledger)
{
    (void)pthread_mutex_lock(&ledger->lock);
    ledger->in_flight--;
    (void)pthread_mutex_unlock(&ledger->lock);
}

uint64_t ledger_in_flight(struct ledger *ledger)
{
    uint64_t count;

    (void)pthread_mutex_lock(&ledger->lock);
    count = ledger->in_flight;
    (void)pthread_mutex_unlock(&ledger->lock);
    return count;
}

void ledger_fault(struct ledger *ledger, const unsigned char *digest, enum fault fault)
{
    struct entry *entry;

    (void)pthread_mutex_lock(&ledger->lock);
    ledger->faults[fault]++;
    entry = find_entry(ledger, digest);
    if (entry != NULL) {
        if (entry->faults == NULL) {
            entry->faults = xcalloc(FAULT_COUNT, sizeof *entry->faults);
        }
        entry->faults[fault]++;
    }
    (void)pthread_mutex_unlock(&ledger->lock);
}

/* A ledger cleared meanwhile has nothing to take back. */
static void add_count(uint64_t *count, int by)
{
    if (by > 0 || *count > 0) {
        *count += (uint64_t)(int64_t)by;
    }
}

void ledger_answer(struct ledger *ledger, const unsigned char *digest, int64_t arrived_us, int by)
{
    struct pulse_beat *beat;
    struct entry *entry;

    (void)pthread_mutex_lock(&ledger->lock);
    add_count(&ledger->answered, by);
    beat = pulse_at(&ledger->pulse, arrived_us);
    beat->answered += by > 0 || beat->answered > 0 ? (uint32_t)by : 0;
    entry = find_entry(ledger, digest);
    if (entry != NULL) {
        add_count(&entry->answered, by);
    }
    (void)pthread_mutex_unlock(&ledger->lock);
}

void ledger_refuse(struct ledger *ledger, int64_t arrived_us)
{
    (void)pthread_mutex_lock(&ledger->lock);
    pulse_at(&ledger->pulse, arrived_us)->refused++;
    (void)pthread_mutex_unlock(&ledger->lock);
}

void ledger_partial(struct ledger *ledger)
{
    (void)pthread_mutex_lock(&ledger->lock);
    ledger->partial++;
    (void)pthread_mutex_unlock(&ledger->lock);
}

uint64_t ledger_spend(struct ledger *ledger, const unsigned char *digest, uint64_t limit)
{
    struct entry *entry;
    uint64_t before = limit;

    (void)pthread_mutex_lock(&ledger->lock);
    entry = find_entry(ledger, digest);
    if (entry != NULL && entry->spent < limit) {
        before = entry->spent++;
    }
    (void)pthread_mutex_unlock(&ledger->lock);
    return before;
}

static void write_faults(struct buffer *out, const uint64_t *faults)
{
    const char *comma = "";

    buffer_text(out, "\"faults\":{");
    for (enum fault fault = FAULT_NONE + 1; faults != NULL && fault < FAULT_COUNT; fault++) {
        if (faults[fault] > 0) {
            buffer_printf(out, "%s\"%s\":%llu", comma, fault_kind(fault)->name,
                          (unsigned long long)faults[fault]);
            comma = ",";
        }
    }
    buffer_byte(out, '}');
}

static void write_entry(struct buffer *out, const struct entry *entry)
{
    char hex[SHA256_HEX_SIZE];

    hex_write(entry->digest, SHA256_SIZE, hex);
    buffer_printf(out, "{\"key\":\"%s\",\"prompt\":", hex);
    jsontext_write_string(out, entry->prompt, entry->prompt_length);
    buffer_printf(out, ",\"received\":%llu,\"answered\":%llu,", (unsigned long long)entry->received,
                  (unsigned long long)entry->answered);
    write_faults(out, entry->faults);
    buffer_printf(out, ",\"endpoint\":\"%s\"", ledger_endpoint_name(entry->endpoint));
    buffer_printf(out, ",\"first_ms\":%lld.%03lld,\"last_ms\":%lld.%03lld}\n",
                  (long long)(entry->first_us / 1000), (long long)(entry->first_us % 1000),
                  (long long)(entry->last_us / 1000), (long long)(entry->last_us % 1000));
}

void ledger_write(struct ledger *ledger, const unsigned char *digest, struct buffer *out)
{
    struct entry *entry, *next;

    (void)pthread_mutex_lock(&ledger->lock);
    if (digest != NULL) {
        entry = find_entry(ledger, digest);
        if (entry != NULL) {
            write_entry(out, entry);
        }
    } else {
        HASH_ITER(hh, ledger->entries, entry, next)
        {
            write_entry(out, entry);
        }
    }
    (void)pthread_mutex_unlock(&ledger->lock);
}

void ledger_write_rate(struct ledger *ledger, struct buffer *out)
{
    (void)pthread_mutex_lock(&ledger->lock);
    pulse_write(&ledger->pulse, out);
    (void)pthread_mutex_unlock(&ledger->lock);
}

static void write_endpoints(struct buffer *out, const uint64_t *endpoints)
{
    const char *comma = "";

    buffer_text(out, ",\"endpoints\":{");
    for (enum ledger_endpoint i = LEDGER_CHAT; i < LEDGER_ENDPOINTS; i++) {
        if (endpoints[i] > 0) {
            buffer_printf(out, "%s\"%s\":%llu", comma, ledger_endpoint_name(i),
                          (unsigned long long)endpoints[i]);
            comma = ",";
        }
    }
    buffer_byte(out, '}');
}

void ledger_write_summary(struct ledger *ledger, struct buffer *out)
{
    (void)pthread_mutex_lock(&ledger->lock);
    buffer_printf(out, "{\"requests\":%llu,\"answered\":%llu,\"partial\":%llu,\"prompts\":%u,",
                  (unsigned long long)ledger->received, (unsigned long long)ledger->answered,
                  (unsigned long long)ledger->partial, HASH_COUNT(ledger->entries));
    write_faults(out, ledger->faults);
    write_endpoints(out, ledger->endpoints);
    buffer_printf(out, ",\"in_flight\":%llu,\"max_in_flight\":%llu}\n",
                  (unsigned long long)ledger->in_flight, (unsigned long long)ledger->max_in_flight);
    (void)pthread_mutex_unlock(&ledger->lock);
}
