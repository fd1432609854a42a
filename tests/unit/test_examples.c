/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_examples: the readers of src/job judge the examples of the protocol as its schemas do. */
#include "unit.h"

#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "job/attempt.h"
#include "job/job.h"
#include "job/record.h"
#include "job/state.h"
#include "job/templates.h"

/* One example: its path from the top of the source, and its text. */
struct example {
    const char *path;
    struct buffer text;
};

static void read_example(struct example *example)
{
    char part[4096];
    size_t length;
    FILE *file = unit_data(example->path);
    while ((length = fread(part, 1, sizeof part, file)) > 0) {
        buffer_append(&example->text, part, length);
    }
    assert_int_equal(fclose(file), 0);
}

/* Asks accepts about each example whose path matches pattern; all must be judged as wanted. */
static void judge(const char *pattern, bool (*accepts)(const struct example *), bool wanted)
{
    char path[4096];
    glob_t found;
    const char *source = getenv("LLMSPOOL_SOURCE");
    size_t above = strlen(source != NULL ? source : ".") + 1;
    snprintf(path, sizeof path, "%s/%s", source != NULL ? source : ".", pattern);
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct example example = {.path = found.gl_pathv[i] + above};
        read_example(&example);
        if (accepts(&example) != wanted) {
            fail_msg("%s is %s", example.path, wanted ? "refused" : "accepted");
        }
        buffer_free(&example.text);
    }
    globfree(&found);
}

static bool job_accepts(const struct example *example)
{
    struct spool spool = {.owner = geteuid()};
    spool.dir[FOLDER_TEMPLATES] = open("/proc/self/task", O_RDONLY | O_DIRECTORY); /* has none */
    assert_true(spool.dir[FOLDER_TEMPLATES] >= 0);
    struct templates *templates = templates_new(&spool, &clock_system);
    const struct job_context context = {
        .default_model = "gpt-4o-mini", .submitted = {1000}, .templates = templates};
    struct error error = {0};
    struct job *job = job_read(example->text.bytes, example->text.length, &context, &error);
    bool accepted = job != NULL;
    job_free(job);
    templates_free(templates);
    close(spool.dir[FOLDER_TEMPLATES]);
    return accepted;
}

static void id_of_example(const struct example *example, struct id *id, unsigned *version)
{
    json_t *object = jsontext_read_object(example->text.bytes, example->text.length, NULL);
    assert_non_null(object);
    assert_true(id_read(jsontext_get_text(object, "id", ""), id));
    *version = (unsigned)jsontext_get_int(object, "version", 0);
    json_decref(object);
}

static bool state_accepts(const struct example *example)
{
    struct id id;
    unsigned version;
    struct error error = {0};
    id_of_example(example, &id, &version);
    struct state *state = state_read(example->text.bytes, example->text.length, &id, &error);
    bool accepted = state != NULL;
    state_free(state);
    return accepted;
}

static bool output_accepts(const struct example *example)
{
    struct id id;
    unsigned version;
    id_of_example(example, &id, &version);
    return record_output_whole(example->text.bytes, example->text.length, &id, version);
}

static bool attempts_accept(const struct example *example)
{
    json_t *object = jsontext_read_object(example->text.bytes, example->text.length, NULL);
    const json_t *attempts = json_object_get(object, "attempts");
    bool accepted = true;
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        struct attempt attempt;
        bool read = attempt_from_json(json_array_get(attempts, i), &attempt);
        accepted = accepted && read;
        if (read) {
            attempt_clear(&attempt);
        }
    }
    json_decref(object);
    return accepted;
}

static void example_jobs_are_accepted(void **unused)
{
    (void)unused;
    judge("spool-layout/examples/job.*.json", job_accepts, true);
}

static void invalid_jobs_are_refused(void **unused)
{
    (void)unused;
    judge("spool-layout/examples/invalid/job.*.json", job_accepts, false);
}

static void example_states_are_read(void **unused)
{
    (void)unused;
    judge("spool-layout/examples/state.*.json", state_accepts, true);
}

static void invalid_states_are_refused(void **unused)
{
    (void)unused;
    judge("spool-layout/examples/invalid/state.*.json", state_accepts, false);
}

static void example_outputs_are_whole(void **unused)
{
    (void)unused;
    judge("spool-layout/examples/output.*.json", output_accepts, true);
}

static void example_attempts_are_read(void **unused)
{
    (void)unused;
    judge("spool-layout/examples/output.*.json", attempts_accept, true);
    judge("spool-layout/examples/error.*.json", attempts_accept, true);
    judge("spool-layout/examples/invalid/output.unknown-outcome.json", attempts_accept, false);
}

static void the_worked_example_has_its_id(void **unused)
{
    (void)unused;
    struct example example = {.path = "spool-layout/examples/job.named.json"};
    const struct job_context context = {.default_model = "gpt-4o-mini", .submitted = {1000}};
    struct error error = {0};
    char id[ID_TEXT_SIZE];
    read_example(&example);
    struct job *job = job_read(example.text.bytes, example.text.length, &context, &error);
    assert_non_null(job);
    id_write(&job->id, id);
    assert_string_equal(id, "8b31e1edd6d8e9ba8e974bf487522ffa4e607610585dde2716f66cf5430f21b8");
    job_free(job);
    buffer_free(&example.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_jobs_are_accepted),
        cmocka_unit_test(invalid_jobs_are_refused),
        cmocka_unit_test(example_states_are_read),
        cmocka_unit_test(invalid_states_are_refused),
        cmocka_unit_test(example_outputs_are_whole),
        cmocka_unit_test(example_attempts_are_read),
        cmocka_unit_test(the_worked_example_has_its_id),
    };
    return UNIT_RUN(tests);
}
