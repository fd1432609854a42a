/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_volume_made: a volume is written from units as they lie in a spool, synced, and read back. Syncs are
 * wrapped to count them and to make them fail. */
#include "unit.h"

#include "base/jsontext.h"
#include "base/sha256.h"
#include "fresh.h"
#include "job/job.h"
#include "retain/gather.h"
#include "retain/volume_made.h"

static struct {
    int syncs;
    int fail_sync; /* this one fails, 0 never */
} seen;

int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
    errno = EIO;
    return ++seen.syncs == seen.fail_sync ? -1 : __real_fsync(fd);
}

enum { UNITS = 3 };

static void put(struct spool *spool, const char *name, const char *text)
{
    if (!fresh_exists(spool->dir[FOLDER_DONE], name)) {
        fresh_write(spool->dir[FOLDER_DONE], name, text);
    }
}

/* A finished job in done/, with two versions, unless it is there; returns its ID. */
static struct id put_job(struct spool *spool, unsigned number, const char *finished)
{
    char job[200], output[400], text[ID_TEXT_SIZE], name[ENTRY_NAME_SIZE], hex[SHA256_HEX_SIZE];
    struct id id;
    snprintf(job, sizeof job, "{\"type\":\"chat\",\"model\":\"m\",\"prompt\":\"%u\"}\n", number);
    json_t *document = jsontext_read_object(job, strlen(job), NULL);
    job_identity(document, &id);
    json_decref(document);
    entry_write(ENTRY_JOB, &id, 0, name);
    put(spool, name, job);
    id_write(&id, text);
    sha256_hex("Good day.", 9, hex);
    for (unsigned version = 1; version <= 2; version++) {
        snprintf(output, sizeof output,
                 "{\"id\":\"%s\",\"version\":%u,\"status\":\"completed\",\"output\":\"Good day.\","
                 "\"sha256\":\"%s\",\"model\":{\"asked\":\"m\"},\"times\":{\"finished\":\"%s\"}}\n",
                 text, version, hex, finished);
        entry_write(ENTRY_OUTPUT, &id, version, name);
        put(spool, name, output);
    }
    return id;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

static int no_entering(void *context, const struct archived *archived, struct error *error)
{
    (void)context;
    (void)archived;
    (void)error;
    return 0;
}

/* Writes a volume in tmp/, not sealed. */
static void write_jobs(struct spool *spool, const char *finished, struct volume_made *made)
{
    struct press *press = press_open(3);
    struct error error = {0};
    struct gathered unit = {0};
    struct id ids[UNITS];
    for (unsigned i = 0; i < UNITS; i++) {
        ids[i] = put_job(spool, i, finished);
    }
    qsort(ids, UNITS, sizeof *ids, by_id);
    struct volume_write *write = volume_write_begin(spool, press, &error);
    assert_non_null(write);
    for (unsigned i = 0; i < UNITS; i++) {
        if (gather_unit(spool, FOLDER_DONE, &ids[i], &unit, &error) != 0) {
            fail_msg("%s", error.text);
        }
        assert_int_equal(volume_write_unit(write, &unit, &error), 0);
    }
    gathered_free(&unit);
    assert_int_equal(volume_write_finish(write, "host", 1, no_entering, NULL, made, &error), 0);
    press_close(press);
    assert_int_equal(made->units, UNITS);
    assert_int_equal(made->files, 3 * UNITS);
}

static void write_sealed(struct spool *spool, struct volume_made *made)
{
    write_jobs(spool, "2026-03-01T10:00:00.123Z", made);
    assert_int_equal(volume_write_seal(spool, made), 0);
}

static void expect_whole(struct spool *spool, const struct volume_made *made)
{
    struct error error = {0};
    if (volume_made_verify(spool, made, &error) != 0) {
        fail_msg("%s", error.text);
    }
}

static void expect_refused(struct spool *spool, const struct volume_made *made, const char *what)
{
    struct error error = {0};
    if (volume_made_verify(spool, made, &error) == 0) {
        fail_msg("%s is not seen", what);
    }
    assert_non_null(strstr(error.text, "is not whole when it is read back"));
}

static int setup(void **state)
{
    memset(&seen, 0, sizeof seen);
    return fresh_spool(state);
}

static void what_was_written_is_read_back(void **state)
{
    struct spool *spool = ((struct fresh *)*state)->spool;
    struct volume_made made;
    write_sealed(spool, &made);
    expect_whole(spool, &made);
    volume_write_discard(spool, &made);
    assert_int_equal(fresh_count(spool->dir[FOLDER_TMP]), 0);
}

/* Seconds have no more than 31 bits until then. */
static void also_after_the_year_2038(void **state)
{
    struct spool *spool = ((struct fresh *)*state)->spool;
    struct volume_made made;
    write_jobs(spool, "2040-02-29T10:00:00Z", &made);
    assert_int_equal(volume_write_seal(spool, &made), 0);
    expect_whole(spool, &made);
    volume_write_discard(spool, &made);
}

static void each_flipped_byte_is_found(void **state)
{
    static const char *const endings[] = {".tar.zst", ".idx.jsonl.zst", ".sha256"};
    struct spool *spool = ((struct fresh *)*state)->spool;
    struct volume_made made;
    write_sealed(spool, &made);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char name[200], what[240];
        snprintf(name, sizeof name, "%s%s", made.stem, endings[i]);
        int fd = openat(spool->dir[FOLDER_TMP], name, O_RDWR | O_CLOEXEC);
        off_t size = lseek(fd, 0, SEEK_END);
        assert_true(size > 64);
        for (off_t at = 0; at < size; at += 7) {
            unsigned char byte, other;
            assert_int_equal(pread(fd, &byte, 1, at), 1);
            other = byte ^ 0x10;
            assert_int_equal(pwrite(fd, &other, 1, at), 1);
            snprintf(what, sizeof what, "byte %ld of %s", (long)at, endings[i]);
            expect_refused(spool, &made, what);
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
        assert_int_equal(pwrite(fd, "\n", 1, size), 1);
        expect_refused(spool, &made, "a byte more");
        assert_int_equal(ftruncate(fd, size), 0);
        expect_whole(spool, &made);
        assert_int_equal(ftruncate(fd, size - 1), 0);
        expect_refused(spool, &made, "a byte less");
        close(fd);
        volume_write_discard(spool, &made);
        write_sealed(spool, &made);
    }
    volume_write_discard(spool, &made);
}

/* Each is compared by itself: the bytes may be as written and not say what was meant. */
static void each_difference_is_found(void **state)
{
    struct spool *spool = ((struct fresh *)*state)->spool;
    struct volume_made made;
    write_sealed(spool, &made);
    const struct {
        const char *what;
        unsigned char *byte;
    } parts[] = {
        {"another digest of the volume", made.sha256},
        {"another digest of the index", made.index_sha256},
        {"other entries", made.entries},
        {"another manifest", made.manifest},
        {"other lines of the index", made.index},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *parts[i].byte ^= 1;
        expect_refused(spool, &made, parts[i].what);
        *parts[i].byte ^= 1;
    }
    made.files++;
    expect_refused(spool, &made, "a file less");
    made.files--;
    expect_whole(spool, &made);
    volume_write_discard(spool, &made);
}

static void all_files_are_synced_or_it_is_told(void **state)
{
    struct spool *spool = ((struct fresh *)*state)->spool;
    struct volume_made made;
    write_jobs(spool, "2026-03-01T10:00:00Z", &made);
    seen.syncs = 0;
    assert_int_equal(volume_write_seal(spool, &made), 0);
    assert_int_equal(seen.syncs, 3);
    volume_write_discard(spool, &made);
    for (int k = 1; k <= 3; k++) {
        memset(&seen, 0, sizeof seen);
        write_jobs(spool, "2026-03-01T10:00:00Z", &made);
        seen.syncs = 0;
        seen.fail_sync = k;
        assert_int_equal(volume_write_seal(spool, &made), -EIO);
        seen.fail_sync = 0;
        volume_write_discard(spool, &made);
        assert_int_equal(fresh_count(spool->dir[FOLDER_TMP]), 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read_back, setup, fresh_end),
        cmocka_unit_test_setup_teardown(also_after_the_year_2038, setup, fresh_end),
        cmocka_unit_test_setup_teardown(each_flipped_byte_is_found, setup, fresh_end),
        cmocka_unit_test_setup_teardown(each_difference_is_found, setup, fresh_end),
        cmocka_unit_test_setup_teardown(all_files_are_synced_or_it_is_told, setup, fresh_end),
    };
    return UNIT_RUN(tests);
}
