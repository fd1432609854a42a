/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_layout: every name in a spool. */
#include "unit.h"

#include <string.h>

#include "spool/layout.h"

#define HEX                                                                                        \
    "00112233445566778899aabbccddeeff"                                                             \
    "0123456789abcdef0123456789abcdef"

static struct id sample(void)
{
    struct id id;
    assert_true(id_read(HEX, &id));
    return id;
}

static void folders_have_the_names_of_the_protocol(void **state)
{
    (void)state;
    static const char *const names[] = {"tmp",     "new",  "cur",    "done",      "failed",
                                        "by-name", "runs", "flows",  "templates", "blobs",
                                        "outbox",  "ctl",  "events", "archive",   "state"};
    assert_int_equal(UNIT_COUNT(names), FOLDER_COUNT);
    for (size_t i = 0; i < UNIT_COUNT(names); i++) {
        assert_string_equal(folder_name((enum folder)i), names[i]);
    }
}

static void an_id_is_64_lower_case_hex_digits(void **state)
{
    (void)state;
    struct id id = sample();
    char text[ID_TEXT_SIZE], shown[ID_SHORT_SIZE];
    id_write(&id, text);
    id_write_short(&id, shown);
    assert_string_equal(text, HEX);
    assert_string_equal(shown, "001122334455");
    assert_int_equal(id.bytes[0], 0x00);
    assert_int_equal(id.bytes[15], 0xff);
}

static void anything_else_is_no_id(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "0",
        "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcde",
        "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef0",
        "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdeF",
        "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdeg",
        " 0112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef",
        HEX ".json",
    };
    for (size_t i = 0; i < UNIT_COUNT(others); i++) {
        struct id id = {{7}};
        assert_false(id_read(others[i], &id));
        assert_int_equal(id.bytes[0], 7);
    }
}

static void two_ids_are_equal_when_all_bytes_are(void **state)
{
    (void)state;
    struct id a = sample(), b = sample();
    assert_true(id_equal(&a, &b));
    b.bytes[ID_SIZE - 1] ^= 1;
    assert_false(id_equal(&a, &b));
}

static const struct {
    const char *name;
    enum entry_kind kind;
    unsigned version;
} entries[] = {
    {HEX ".json", ENTRY_JOB, 0},
    {HEX ".state.json", ENTRY_STATE, 0},
    {HEX ".out.v1", ENTRY_ANSWER, 1},
    {HEX ".out.v999999999", ENTRY_ANSWER, 999999999},
    {HEX ".partial", ENTRY_PARTIAL, 0},
    {HEX ".gone", ENTRY_GONE, 0},
    {HEX ".v1.json", ENTRY_OUTPUT, 1},
    {HEX ".v20.json", ENTRY_OUTPUT, 20},
    {HEX ".v999999999.json", ENTRY_OUTPUT, 999999999},
    {HEX ".error.json", ENTRY_ERROR, 0},
};

static void entries_are_written_as_the_protocol_says(void **state)
{
    (void)state;
    struct id id = sample();
    for (size_t i = 0; i < UNIT_COUNT(entries); i++) {
        char name[ENTRY_NAME_SIZE];
        entry_write(entries[i].kind, &id, entries[i].version, name);
        assert_string_equal(name, entries[i].name);
    }
}

static void entries_are_read_back(void **state)
{
    (void)state;
    struct id id = sample();
    for (size_t i = 0; i < UNIT_COUNT(entries); i++) {
        struct entry entry = entry_read(entries[i].name);
        assert_int_equal(entry.kind, entries[i].kind);
        assert_int_equal(entry.version, entries[i].version);
        assert_true(id_equal(&entry.id, &id));
    }
}

static void other_names_are_no_entries(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        ".",
        "x.json",
        HEX,
        HEX ".",
        HEX ".jsonl",
        HEX "json",
        HEX ".json.error.json",
        HEX ".JSON",
        HEX ".v.json",
        HEX ".v0.json",
        HEX ".v01.json",
        HEX ".v1000000000.json",
        HEX ".v-1.json",
        HEX ".v+1.json",
        HEX ".v1",
        HEX ".v1.jsonx",
        HEX ".v1 .json",
        HEX ".out.v0",
        HEX ".out.v",
        HEX ".out.v1.json",
        HEX ".out.v1x",
        HEX ".gone.json",
        HEX ".blob",
        HEX "0.json",
        "00112233445566778899AABBCCDDEEFF0123456789abcdef0123456789abcdef.json",
        "00112233445566778899aabbccddeeff.json",
    };
    for (size_t i = 0; i < UNIT_COUNT(others); i++) {
        if (entry_read(others[i]).kind != ENTRY_OTHER) {
            fail_msg("%s is read as an entry", others[i]);
        }
        assert_int_equal(entry_read(others[i]).version, 0);
    }
}

static void a_jobs_name_is_short_and_plain(void **state)
{
    (void)state;
    char longest[102];
    memset(longest, 'x', 101);
    longest[101] = '\0';
    assert_false(layout_name_ok(longest));
    longest[100] = '\0';
    assert_true(layout_name_ok(longest));
    static const char *const good[] = {"a",     "report-7", "A_b.c", "-",      "abcde",
                                       "12345", "abcdefg",  "x..",   "abc.def"};
    for (size_t i = 0; i < UNIT_COUNT(good); i++) {
        assert_true(layout_name_ok(good[i]));
    }
    static const char *const bad[] = {"", ".", "..", ".a", "a/b", "a b", "a\n", "\xc3\xa9", "a:b"};
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        assert_false(layout_name_ok(bad[i]));
    }
}

static void a_jobs_name_cannot_be_taken_for_an_id(void **state)
{
    (void)state;
    assert_true(layout_name_ok("abcde"));
    assert_false(layout_name_ok("abcdef"));
    assert_false(layout_name_ok("123456"));
    assert_false(layout_name_ok("ABCDEF"));
    assert_false(layout_name_ok(HEX));
    assert_true(layout_name_ok(HEX "0"));
    assert_true(layout_name_ok("abcdefg"));
}

static void a_drops_ending_says_what_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum drop_kind kind;
    } drops[] = {
        {"a.json", DROP_JOB},
        {HEX ".x.json", DROP_JOB},
        {" .json", DROP_JOB},
        {"a.jsonl", DROP_LIST},
        {"a.json.jsonl", DROP_LIST},
        {"a.jsonl.json", DROP_JOB},
        {HEX ".blob", DROP_BLOB},
        {"a.blob", DROP_NONE},
        {HEX "0.blob", DROP_NONE},
        {".a.json", DROP_NONE},
        {".json", DROP_NONE},
        {".", DROP_NONE},
        {"json", DROP_NONE},
        {"a.JSON", DROP_NONE},
        {"a.json~", DROP_NONE},
        {"a.json.part", DROP_NONE},
        {"", DROP_NONE},
        {"a", DROP_NONE},
        {"." HEX ".blob", DROP_NONE},
        {HEX ".blob.json", DROP_JOB},
        {HEX, DROP_NONE},
    };
    for (size_t i = 0; i < UNIT_COUNT(drops); i++) {
        assert_int_equal(drop_read(drops[i].name), drops[i].kind);
    }
}

static void the_owners_temporary_names_are_told_from_others(void **state)
{
    (void)state;
    char a[TEMP_NAME_SIZE], b[TEMP_NAME_SIZE];
    temp_name_write(a);
    temp_name_write(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), TEMP_NAME_SIZE - 1);
    assert_true(temp_name_is(a));
    a[TEMP_NAME_SIZE - 2] = 'x';
    assert_false(temp_name_is(a));
    static const char *const others[] = {"",
                                         "llmspoold.",
                                         "llmspoold.0123456789abcdef0123456",
                                         "llmspoold.0123456789abcdef012345678",
                                         "0123456789abcdef01234567",
                                         "llmspoolx.0123456789abcdef01234567"};
    for (size_t i = 0; i < UNIT_COUNT(others); i++) {
        assert_false(temp_name_is(others[i]));
    }
}

static void names_of_attachments_are_read_as_written(void **state)
{
    static const struct {
        const char *name;
        enum blob_kind kind;
        bool gone;
    } rows[] = {
        {HEX, BLOB_FILE, false},
        {HEX ".gone", BLOB_FILE, true},
        {HEX "." HEX, BLOB_USE, false},
        {HEX "." HEX ".gone", BLOB_USE, true},
        {"lock", BLOB_LOCK, false},
        {"lock.gone", BLOB_OTHER, false},
        {HEX "." HEX "0", BLOB_OTHER, false},
        {HEX "0", BLOB_OTHER, false},
        {HEX ".json", BLOB_OTHER, false},
        {HEX ".gone.gone", BLOB_OTHER, false},
        {HEX "." HEX "." HEX, BLOB_OTHER, false},
        {".gone", BLOB_OTHER, false},
        {"", BLOB_OTHER, false},
    };
    char name[BLOB_NAME_SIZE];
    struct id blob, same;
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct blob_entry entry = blob_entry_read(rows[i].name);
        assert_int_equal(entry.kind, rows[i].kind);
        if (entry.kind == BLOB_FILE || entry.kind == BLOB_USE) {
            assert_int_equal(entry.gone, rows[i].gone);
            blob_entry_write(&entry, name);
            assert_string_equal(name, rows[i].name);
        }
    }
    assert_true(id_read(HEX, &blob));
    blob_drop_write(&blob, name);
    assert_string_equal(name, HEX ".blob");
    assert_int_equal(drop_read(name), DROP_BLOB);
    blob_drop_read(name, &same);
    assert_true(id_equal(&blob, &same));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_have_the_names_of_the_protocol),
        cmocka_unit_test(an_id_is_64_lower_case_hex_digits),
        cmocka_unit_test(anything_else_is_no_id),
        cmocka_unit_test(two_ids_are_equal_when_all_bytes_are),
        cmocka_unit_test(entries_are_written_as_the_protocol_says),
        cmocka_unit_test(entries_are_read_back),
        cmocka_unit_test(other_names_are_no_entries),
        cmocka_unit_test(a_jobs_name_is_short_and_plain),
        cmocka_unit_test(a_jobs_name_cannot_be_taken_for_an_id),
        cmocka_unit_test(a_drops_ending_says_what_it_is),
        cmocka_unit_test(names_of_attachments_are_read_as_written),
        cmocka_unit_test(the_owners_temporary_names_are_told_from_others),
    };
    return UNIT_RUN(tests);
}
