/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_schema: libFuzzer target: no schema hangs, overflows the stack or fails without a sentence.
 * The first line is the schema, the rest the value.
 *
 * Built by hand, in the build folder:
 *     clang -std=gnu17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -I$SOURCE/src \
 *         $SOURCE/tests/fuzz/fuzz_schema.c $SOURCE/src/provider/schema*.c \
 *         $SOURCE/src/provider/pattern.c $SOURCE/src/base/[a-z]*.c -ljansson -lcrypto -lm \
 *         -o fuzz_schema
 *     mkdir corpus && ./fuzz_schema -max_len=4096 -timeout=5 corpus
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/jsontext.h"
#include "provider/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *text = (const char *)bytes;
    const char *end = length == 0 ? NULL : memchr(text, '\n', length);
    struct error error = {0};
    if (end == NULL) {
        return 0;
    }
    size_t first = (size_t)(end - text);
    json_t *schema = jsontext_read_lenient(text, first, NULL);
    json_t *value = jsontext_read_lenient(end + 1, length - first - 1, NULL);
    if (schema != NULL && value != NULL && schema_check(schema, value, &error) != 0) {
        assert(error.kind == ERROR_DATA && error.text[0] == '$');
    }
    json_decref(value);
    json_decref(schema);
    return 0;
}
