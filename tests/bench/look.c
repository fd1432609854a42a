/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * look: what looking up a dropped job in archive/ids costs, with V volumes of U jobs each: the way of
 * daemon/archived, without reading a volume. For the benchmark: prints one line of JSON. The file is
 * made here, as its form is, and lies in the folder FOLDER, a spool.
 *
 * usage: look FOLDER V U
 */
#include <endian.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/xalloc.h"
#include "retain/ids.h"
#include "retain/ids_file.h"
#include "spool/file.h"

enum { LOOKS = 200000, PIECE = 1 << 20 };

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The number-th ID: they are evenly spread, as digests are, and in order. */
static struct id spread(uint64_t number, uint64_t count)
{
    struct id id;
    uint64_t begin = htobe64(UINT64_MAX / count * number);

    sha256_digest(&number, sizeof number, id.bytes);
    memcpy(id.bytes, &begin, sizeof begin);
    return id;
}

static void must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "look: %s: %s\n", what, strerror(-result));
        exit(EXIT_FAILURE);
    }
}

/* What was gathered is written and counted in. */
static void pour(int fd, struct buffer *out, struct sha256 *sum)
{
    must(file_write(fd, out->bytes, out->length), "cannot write ids");
    sha256_add(sum, out->bytes, out->length);
    buffer_clear(out);
}

static void write_table(struct buffer *out, uint32_t volumes)
{
    for (uint32_t i = 0; i < volumes; i++) {
        buffer_printf(out,
                      "{\"volume\":\"2026/%02u/llmspool-bench-20260101-20260131-%u.tar.zst\","
                      "\"size\":1,\"sha256\":\"%064u\",\"index_sha256\":\"%064u\"}\n",
                      i % 12 + 1, i + 1, i, i);
    }
}

static void write_ids(int fd, uint32_t volumes, uint64_t count)
{
    struct buffer table = {0}, out = {0};
    struct sha256 *sum = sha256_start();
    unsigned char digest[SHA256_SIZE];
    struct ids_head head = {.magic = IDS_MAGIC,
                            .rows = htole64(count),
                            .volumes = htole32(volumes),
                            .row_size = htole32(sizeof(struct ids_row)),
                            .table_offset = htole64(sizeof head + count * sizeof(struct ids_row))};

    write_table(&table, volumes);
    head.table_length = htole64(table.length);
    buffer_append(&out, &head, sizeof head);
    for (uint64_t i = 0; i < count; i++) {
        struct ids_row row = {.id = spread(i, count),
                              .volume = htole32((uint32_t)(i % volumes)),
                              .version = htole32(1),
                              .length = htole32(2048)};

        buffer_append(&out, &row, sizeof row);
        if (out.length >= PIECE) {
            pour(fd, &out, sum);
        }
    }
    buffer_append(&out, table.bytes, table.length);
    pour(fd, &out, sum);
    sha256_end(sum, digest);
    must(file_write(fd, digest, sizeof digest), "cannot write ids");
    buffer_free(&table);
    buffer_free(&out);
}

/* Looks for jobs that are there and, every other time, for one that is not. */
static double look(const struct spool *spool, uint64_t count, double *open_us, uint64_t *found)
{
    struct id *wanted = xcalloc(LOOKS, sizeof *wanted);
    struct random random;
    struct error error;
    double begin = now_us();
    struct ids *ids = ids_open(spool, &error);

    if (ids == NULL) {
        fprintf(stderr, "look: %s\n", error.text);
        exit(EXIT_FAILURE);
    }
    *open_us = now_us() - begin;
    random_init(&random, 1);
    for (int i = 0; i < LOOKS; i++) {
        wanted[i] = spread(random_below(&random, count), count);
        wanted[i].bytes[ID_SIZE - 1] ^= (unsigned char)(i % 2);
    }
    begin = now_us();
    for (int i = 0; i < LOOKS; i++) {
        struct archived archived;

        if (ids_current(ids) && ids_find(ids, &wanted[i], 0, &archived)) {
            ++*found;
        }
    }
    begin = (now_us() - begin) / LOOKS;
    ids_close(ids);
    free(wanted);
    return begin;
}

int main(int argc, char **argv)
{
    struct error error;
    struct spool *spool = argc == 4 ? spool_open(argv[1], &error) : NULL;
    uint32_t volumes = argc == 4 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    uint64_t count = argc == 4 ? volumes * strtoull(argv[3], NULL, 10) : 0;
    double open_us, cold_us, warm_us;
    uint64_t found = 0;
    int fd;

    xalloc_jansson();
    if (spool == NULL || count == 0) {
        fprintf(stderr, "usage: look SPOOL VOLUMES JOBS\n");
        return EXIT_FAILURE;
    }
    fd = openat(spool->dir[FOLDER_ARCHIVE], IDS_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd, "cannot make archive/ids");
    write_ids(fd, volumes, count);
    must(fsync(fd), "cannot sync it");
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    must(close(fd), "cannot close it");
    cold_us = look(spool, count, &open_us, &found);
    warm_us = look(spool, count, &open_us, &found);
    printf("{\"jobs\": %llu, \"volumes\": %u, \"open_us\": %.1f, \"first_us\": %.2f, "
           "\"look_us\": %.2f, \"found\": %llu}\n",
           (unsigned long long)count, volumes, open_us, cold_us, warm_us,
           (unsigned long long)found);
    spool_close(spool);
    return found == LOOKS ? EXIT_SUCCESS : EXIT_FAILURE;
}
