/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow: jobs that wait for others. */
#include "job/flow.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonpath.h"
#include "base/jsontext.h"
#include "base/nearest.h"
#include "base/xalloc.h"
#include "job/flow_text.h"
#include "job/refusal.h"

enum { NEAREST_AMONG = 1000 }; /* steps that are compared with a name that is none */

bool flow_is(const json_t *document)
{
    return json_object_get(document, "flow") != NULL;
}

/* --- texts ---------------------------------------------------------------------------------------- */

/* What goes through all texts of a job. */
struct texts {
    json_t *parents; /* a key for each */
    flow_visit *visit;
    void *context;
    struct error *error;
};

static int each_text(const struct texts *texts, json_t *text)
{
    struct buffer out = {0};
    int result = flow_text(json_string_value(text), json_string_length(text), texts->parents,
                           texts->visit, texts->context, &out, texts->error);
    if (result == 0) {
        json_string_setn_nocheck(text, out.bytes != NULL ? out.bytes : "", out.length);
    }
    buffer_free(&out);
    return result;
}

/* A text, or an array whose elements are texts or have one as their `text`. */
static int each_of(const struct texts *texts, json_t *value)
{
    json_t *part;
    size_t i;
    if (json_is_string(value)) {
        return each_text(texts, value);
    }
    json_array_foreach (value, i, part) {
        json_t *text = json_is_object(part) ? json_object_get(part, "text") : part;
        if (json_is_string(text) && each_text(texts, text) < 0) {
            return -1;
        }
    }
    return 0;
}

static int all_texts(const struct texts *texts, json_t *document)
{
    static const char *const keys[] = {"prompt", "system", "input"};
    json_t *message;
    size_t i;
    for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (each_of(texts, json_object_get(document, keys[i])) < 0) {
            return -1;
        }
    }
    json_array_foreach (json_object_get(document, "messages"), i, message) {
        if (each_of(texts, json_object_get(message, "content")) < 0) {
            return -1;
        }
    }
    return 0;
}

static json_t *parents_of(const json_t *document)
{
    json_t *parents = json_object();
    json_t *word;
    size_t i;
    json_array_foreach (json_object_get(document, "after"), i, word) {
        json_object_set_new(parents, json_string_value(word), json_true());
    }
    return parents;
}

/* Leaves a place as it stands: to look whether it names a parent is all that is wanted. */
static int keep_place(void *context, const struct flow_place *place, struct buffer *out,
                      struct error *error)
{
    (void)context;
    (void)place;
    (void)out;
    (void)error;
    return 0;
}

int flow_check_places(const struct job *job, const char **reason, struct error *error)
{
    json_t *copy = json_deep_copy(job->document);
    struct texts texts = {parents_of(copy), keep_place, NULL, error};
    int result = all_texts(&texts, copy);
    json_decref(texts.parents);
    json_decref(copy);
    if (result < 0 && reason != NULL) {
        *reason = "bad_place";
    }
    return result;
}

/* --- outputs put in -------------------------------------------------------------------------------- */

struct outputs {
    flow_output *output;
    void *context;
};

static int put_output(void *context, const struct flow_place *place, struct buffer *out,
                      struct error *error)
{
    const struct outputs *outputs = context;
    const json_t *value = NULL;
    if (outputs->output(outputs->context, place->parent, &value, error) < 0) {
        return -1;
    }
    if (value == NULL) {
        return 0;
    }
    if (place->path != NULL) {
        value = jsonpath_find(value, place->path);
    }
    if (value == NULL) {
        char shown[REFUSAL_QUOTE_SIZE];
        error_set(error, ERROR_DATA, "the output of %s has no field %s", place->parent,
                  refusal_quote(place->path, shown));
        return -1;
    }
    if (json_is_string(value)) {
        buffer_append(out, json_string_value(value), json_string_length(value));
    } else if (!json_is_null(value)) {
        jsontext_write(out, value);
    }
    return 0;
}

int flow_resolve(json_t *document, flow_output *output, void *context, struct error *error)
{
    struct outputs outputs = {output, context};
    struct texts texts = {parents_of(document), put_output, &outputs, error};
    int result = all_texts(&texts, document);
    json_decref(texts.parents);
    json_object_del(document, "after");
    json_object_del(document, "on_failure");
    return result;
}

/* --- reading a flow --------------------------------------------------------------------------------- */

/* A flow on its way to be one. */
struct reading {
    struct flow_plan *plan;
    const struct flow_context *context;
    struct error *error;
    json_t *names; /* of steps: their numbers */
};

static int refuse_flow(const struct reading *reading, const char *reason, const char *sentence)
{
    error_set(reading->error, ERROR_DATA, "%s", sentence);
    if (reading->context->job.reason != NULL) {
        *reading->context->job.reason = reason;
    }
    return -1;
}

static int check_keys(const struct reading *reading, json_t *document)
{
    const char *key;
    json_t *value;
    json_object_foreach (document, key, value) {
        if (strcmp(key, "flow") != 0 && strcmp(key, "steps") != 0) {
            char shown[REFUSAL_QUOTE_SIZE];
            char *sentence = xasprintf("a flow has no key \"%s\", only \"flow\" and \"steps\"",
                                       refusal_quote(key, shown));
            int result = refuse_flow(reading, "unknown_key", sentence);
            free(sentence);
            return result;
        }
    }
    return 0;
}

static int read_head(const struct reading *reading, json_t *document)
{
    const char *name = jsontext_get_text(document, "flow", "");
    size_t count = json_array_size(json_object_get(document, "steps"));
    if (check_keys(reading, document) < 0) {
        return -1;
    }
    if (!layout_name_ok(name)) {
        return refuse_flow(reading, "bad_flow",
                           "\"flow\" must be a name: 1 to 100 of the characters A-Z a-z 0-9 . _ -, "
                           "no dot first, not 6 to 64 hex digits");
    }
    if (count == 0 || count > FLOW_STEP_LIMIT) {
        return refuse_flow(reading, "bad_flow",
                           "\"steps\" must be an array of 1 to 100,000 jobs");
    }
    reading->plan->name = xstrdup(name);
    reading->plan->steps = xcalloc(count, sizeof *reading->plan->steps);
    return 0;
}

static int read_step(const struct reading *reading, const json_t *value, size_t number)
{
    struct flow_plan *plan = reading->plan;
    struct flow_step *step = &plan->steps[number];
    json_t *copy = json_deep_copy(value);
    step->job = job_from_json(copy, &reading->context->job, reading->error);
    json_decref(copy);
    if (step->job == NULL) {
        const char *name = jsontext_get_text(value, "name", NULL);
        char shown[REFUSAL_QUOTE_SIZE];
        error_prefix(reading->error, "step %zu%s%s", number + 1, name != NULL ? ", " : "",
                     name != NULL ? refusal_quote(name, shown) : "");
        return -1;
    }
    plan->count = number + 1;
    step->name = step->job->name;
    char *sentence = NULL;
    if (step->name == NULL) {
        sentence = xasprintf("step %zu has no \"name\"", number + 1);
    } else if (json_object_get(reading->names, step->name) != NULL) {
        sentence = xasprintf("two steps are named %s", step->name);
    }
    if (sentence != NULL) {
        int result = refuse_flow(reading, "bad_flow", sentence);
        free(sentence);
        return result;
    }
    json_object_set_new(reading->names, step->name, json_integer((json_int_t)number));
    if (flow_check_places(step->job, reading->context->job.reason, reading->error) < 0) {
        error_prefix(reading->error, "step %s", step->name);
        return -1;
    }
    return 0;
}

static int refuse_missing(const struct reading *reading, const char *step, const char *word)
{
    const struct flow_plan *plan = reading->plan;
    size_t count = plan->count < NEAREST_AMONG ? plan->count : NEAREST_AMONG;
    const char **names = xcalloc(count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = plan->steps[i].name;
    }
    const char *near = nearest_word(word, names, count);
    char *sentence = xasprintf("%s -> %s: there is no step %s, and no job of that name in the "
                               "spool%s%s%s",
                               step, word, word, near != NULL ? " (did you mean " : "",
                               near != NULL ? near : "", near != NULL ? "?)" : "");
    int result = refuse_flow(reading, "missing_parent", sentence);
    free(sentence);
    free(names);
    return result;
}

static int find_parents(const struct reading *reading, struct flow_step *step)
{
    const struct flow_context *context = reading->context;
    size_t count = json_array_size(step->job->after);
    step->parents = count > 0 ? xcalloc(count, sizeof *step->parents) : NULL;
    step->parent_count = count;
    for (size_t i = 0; i < count; i++) {
        const char *word = json_string_value(json_array_get(step->job->after, i));
        const json_t *number = json_object_get(reading->names, word);
        step->parents[i] = number != NULL ? (size_t)json_integer_value(number) : FLOW_OUTSIDE;
        if (number == NULL && !context->known(context->context, word, step->job->user)) {
            return refuse_missing(reading, step->name, word);
        }
    }
    return 0;
}

/* --- cycles ----------------------------------------------------------------------------------------- */

/* A walk from step to parent, without recursion: flows may be as deep as they are long. */
struct walk {
    size_t *way;   /* the steps from the first to where it stands */
    size_t *next;  /* of each step: which parent is next */
    char *visited; /* of each step: 0 not seen, 1 on the way, 2 leads to no cycle */
    size_t depth;
};

static int refuse_cycle(const struct reading *reading, const struct walk *walk, size_t back)
{
    struct buffer way = {0};
    size_t at = walk->depth;
    while (walk->way[at - 1] != back) {
        at--;
    }
    for (size_t i = at - 1; i < walk->depth; i++) {
        buffer_printf(&way, "%s -> ", reading->plan->steps[walk->way[i]].name);
    }
    buffer_text(&way, reading->plan->steps[back].name);
    buffer_text(&way, ": each of these steps waits for the next, so none would ever run");
    int result = refuse_flow(reading, "cycle", way.bytes);
    buffer_free(&way);
    return result;
}

static int walk_from(const struct reading *reading, struct walk *walk, size_t start)
{
    const struct flow_step *steps = reading->plan->steps;
    walk->way[0] = start;
    walk->depth = 1;
    walk->visited[start] = 1;
    while (walk->depth > 0) {
        size_t here = walk->way[walk->depth - 1];
        if (walk->next[here] == steps[here].parent_count) {
            walk->visited[here] = 2;
            walk->depth--;
            continue;
        }
        size_t parent = steps[here].parents[walk->next[here]++];
        if (parent == FLOW_OUTSIDE || walk->visited[parent] == 2) {
            continue;
        }
        if (walk->visited[parent] == 1) {
            return refuse_cycle(reading, walk, parent);
        }
        walk->visited[parent] = 1;
        walk->way[walk->depth++] = parent;
    }
    return 0;
}

static int find_cycle(const struct reading *reading)
{
    size_t count = reading->plan->count;
    struct walk walk = {.way = xcalloc(count, sizeof *walk.way),
                        .next = xcalloc(count, sizeof *walk.next),
                        .visited = xcalloc(count, 1)};
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        if (walk.visited[i] == 0) {
            result = walk_from(reading, &walk, i);
        }
    }
    free(walk.way);
    free(walk.next);
    free(walk.visited);
    return result;
}

static int read_all(const struct reading *reading, json_t *document)
{
    const json_t *steps = json_object_get(document, "steps");
    if (read_head(reading, document) < 0) {
        return -1;
    }
    for (size_t i = 0; i < json_array_size(steps); i++) {
        if (read_step(reading, json_array_get(steps, i), i) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < reading->plan->count; i++) {
        if (find_parents(reading, &reading->plan->steps[i]) < 0) {
            return -1;
        }
    }
    return find_cycle(reading);
}

struct flow_plan *flow_read(json_t *document, const struct flow_context *context,
                            struct error *error)
{
    struct reading reading = {xcalloc(1, sizeof(struct flow_plan)), context, error, json_object()};
    int result = read_all(&reading, document);
    json_decref(reading.names);
    if (result == 0) {
        return reading.plan;
    }
    flow_free(reading.plan);
    return NULL;
}

void flow_free(struct flow_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < plan->count; i++) {
        job_free(plan->steps[i].job);
        free(plan->steps[i].parents);
    }
    free(plan->steps);
    free(plan->name);
    free(plan);
}
