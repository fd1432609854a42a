/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openai_embed: OpenAI's embeddings. */
#include "provider/openai_embed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/flaw.h"
#include "provider/openai.h"

/* Requests */

static int embed_build(const struct job *job, const struct provider_ask *ask,
                       struct provider_request *request, struct error *error)
{
    json_t *input = json_object_get(job->document, "input");
    json_t *params = json_object_get(job->document, "params");
    if (input == NULL) {
        error_set(error, ERROR_DATA, "an embed needs an \"input\", and the job has none");
        return -1;
    }
    json_t *body = json_pack("{s:s, s:O}", "model", ask->model, "input", input);
    json_object_update_missing(body, params);
    if (job->user != NULL && json_object_get(body, "user") == NULL) {
        json_object_set_new(body, "user", json_string(job->user));
    }
    if (json_object_get(body, "encoding_format") == NULL) {
        json_object_set_new(body, "encoding_format", json_string("base64"));
    }
    provider_request_json(request, "/embeddings", false, body);
    return 0;
}

/* How many vectors an input makes. */
static size_t count_inputs(const json_t *input)
{
    const json_t *first = json_array_get(input, 0);
    return json_is_string(first) || json_is_array(first) ? json_array_size(input) : 1;
}

/* Answers */

/* A decimal of few digits is an integer divided by a power of ten; both are exact, so their
 * quotient is the double nearest to it, which prints as just this decimal. */
double openai_embed_shortest(float number)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double exact = (double)number;
    double size = fabs(exact);
    if (!(size >= 1e-13 && size < 1e14)) {
        return exact;
    }
    int exponent = (int)floor(log10(size));
    for (int digits = 1; digits <= 9; digits++) {
        int places = digits - 1 - exponent;
        if (places < 0) {
            continue;
        }
        double decimal = rint(exact * powers[places]) / powers[places];
        if ((float)decimal == number) {
            return decimal;
        }
    }
    return exact;
}

static float read_float(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    uint32_t bits =
        (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* Floats of 4 bytes, the least first: a new array, or NULL when these are none. */
static json_t *unpack_vector(const char *bytes, size_t length)
{
    json_t *vector = json_array();
    bool good = length > 0 && length % 4 == 0;
    for (size_t i = 0; good && i < length; i += 4) {
        json_t *number = json_real(openai_embed_shortest(read_float(bytes + i)));
        good = number != NULL; /* it is infinite or none */
        if (good) {
            json_array_append_new(vector, number);
        }
    }
    if (!good) {
        json_decref(vector);
        return NULL;
    }
    return vector;
}

static json_t *decode_vector(const json_t *text)
{
    struct buffer bytes = {0};
    json_t *vector = NULL;
    if (base64_decode(json_string_value(text), json_string_length(text), &bytes)) {
        vector = unpack_vector(bytes.bytes, bytes.length);
    }
    buffer_free(&bytes);
    return vector;
}

/* A vector in either form: a new reference, or NULL when it is none. */
static json_t *read_vector(json_t *value)
{
    size_t i;
    const json_t *number;
    if (json_is_string(value)) {
        return decode_vector(value);
    }
    json_array_foreach (value, i, number) {
        if (!json_is_number(number)) {
            return NULL;
        }
    }
    return json_array_size(value) > 0 ? json_incref(value) : NULL;
}

/* The place of an entry: its index, or where it came in an answer that numbers none. */
static size_t place_of(const json_t *entry, size_t came, bool numbered, size_t count)
{
    json_int_t index = jsontext_get_int(entry, "index", -1);
    if (!numbered) {
        return came;
    }
    return index >= 0 && (size_t)index < count ? (size_t)index : count;
}

/* Puts the vectors of all entries in their places. false: one is missing, twice, or no vector. */
static bool place_vectors(const json_t *data, json_t **vectors, size_t count)
{
    bool numbered = json_object_get(json_array_get(data, 0), "index") != NULL;
    size_t i;
    const json_t *entry;
    json_array_foreach (data, i, entry) {
        size_t place = place_of(entry, i, numbered, count);
        if (place == count || vectors[place] != NULL) {
            return false;
        }
        vectors[place] = read_vector(json_object_get(entry, "embedding"));
        if (vectors[place] == NULL) {
            return false;
        }
    }
    return true;
}

static enum flaw read_vectors(const json_t *data, size_t count, json_t **output)
{
    if (json_array_size(data) != count) {
        return FLAW_NO_VECTORS;
    }
    json_t **vectors = xcalloc(count, sizeof *vectors);
    bool good = place_vectors(data, vectors, count);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (vectors[i] != NULL) {
            json_array_append_new(array, vectors[i]);
        }
    }
    free(vectors);
    *output = array;
    return good ? FLAW_NONE : FLAW_NO_VECTORS;
}

static enum flaw read_embeddings(const struct job *job, json_t *document, struct answer *answer)
{
    const json_t *usage = json_object_get(document, "usage");
    size_t count = count_inputs(json_object_get(job->document, "input"));
    answer->model = xstrdup(jsontext_get_text(document, "model", NULL));
    answer->usage = (struct usage){
        .input_tokens = flaw_count_tokens(usage, "prompt_tokens"),
        .output_tokens = 0, /* nothing is generated */
        .cached_tokens = -1,
        .reasoning_tokens = -1,
    };
    return read_vectors(json_object_get(document, "data"), count, &answer->output);
}

static struct verdict embed_read(const struct job *job, const struct provider_reply *reply,
                                 struct wall now, struct answer *answer)
{
    return flaw_read(read_embeddings, openai_errors, job, reply, now, answer);
}

const struct provider provider_openai_embed = {
    .protocol = "openai",
    .type = "embed",
    .key_header = "Authorization: Bearer ",
    .build = embed_build,
    .read = embed_read,
};
