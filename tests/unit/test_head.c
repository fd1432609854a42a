/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_head: targets, heads in one piece of memory, tokens and cookies in fields. */
#include "unit.h"

#include "httpd/head.h"

static void targets_are_paths_of_sound_characters(void **state)
{
    static const char *const good[] = {
        "/",      "/a/b",      "/a?b=c&d=%26", "/%C3%A4",     "/a/.../b", "/a..b",
        "/a%20b", "/?a=../..", "/?x=%2F%0A",   "/a?b=%5c%7e", "//"};
    static const char *const bad[] = {
        "",        "a",       "*",        "http://h/", "/a b",   "/a#b",      "/a\x01",
        "/a\x7f",  "/%",      "/%4",      "/%zz",      "/%00",   "/%1f",      "/%7F",
        "/%2f",    "/%2Fa",   "/%5c",     "/a\\b",     "/..",    "/.",        "/a/../b",
        "/a/.",    "/%2e",    "/%2E%2e/", "/a/.%2e",   "/\xc3",  "/\xc3\xa4", "/%c0%af",
        "/%e2%82", "/?a=%00", "/?a=%2",   "/?a= b",    "/?\x01", "/?%ff"};
    (void)state;
    assert_non_null(head_target_problem(NULL));
    for (size_t i = 0; i < UNIT_COUNT(good); i++)
        if (head_target_problem(good[i]) != NULL)
            fail_msg("%s: %s", good[i], head_target_problem(good[i]));
    for (size_t i = 0; i < UNIT_COUNT(bad); i++)
        if (head_target_problem(bad[i]) == NULL)
            fail_msg("%s is taken", bad[i]);
}

/* A head as the library leaves it in memory: ends of lines and colons are NULs. */
struct piece {
    char bytes[512];
    size_t length;
    struct head head;
};

static void piece_start(struct piece *piece, const char *line)
{
    *piece = (struct piece){.length = strlen(line)};
    memcpy(piece->bytes, line, piece->length);
    for (size_t i = 0; i < piece->length; i++)
        if (piece->bytes[i] == '~')
            piece->bytes[i] = '\0';
}

/* Fields are in the piece already: NAME~VALUE~~. */
static void piece_field(struct piece *piece, const char *name, const char *value)
{
    char *at = memmem(piece->bytes, piece->length, name, strlen(name));
    char *behind = at + strlen(name);

    head_field(&piece->head, at, strlen(at),
               memmem(behind, 512 - (size_t)(behind - piece->bytes), value, strlen(value)),
               strlen(value));
}

static bool head_of(struct piece *piece, const char *text, const char *value)
{
    char *target;

    piece_start(piece, text);
    target = piece->bytes + 4;
    head_start(&piece->head, piece->bytes, target, strlen(target), target + strlen(target) + 1,
               true);
    piece_field(piece, "Host", "h");
    piece_field(piece, "X", value);
    return head_end(&piece->head, piece->bytes + piece->length);
}

static void what_lies_between_the_parts_of_a_head_is_looked_at(void **state)
{
    struct piece piece;
    (void)state;
    assert_true(head_of(&piece, "GET~/p~HTTP/1.1~~Host~ h~~X~ value~~~~", "value"));
    assert_true(head_of(&piece, "GET~/p~HTTP/1.1~~Host~h~~X~\t value~~~~", "value"));
    assert_false(head_of(&piece, "GET~/p~HTTP/1.1~Host~h~~X~value~~~~", "value")); /* bare LF */
    assert_false(head_of(&piece, "GET~/p~HTTP/1.1~~Host~h~X~value~~~~", "value"));
    assert_false(head_of(&piece, "GET~/p~HTTP/1.1~~Host~h~~X~value~~~", "value"));
    assert_false(head_of(&piece, "GET~/p~HTTP/1.1~~Host~h~~X~value~~", "value"));
    assert_false(
        head_of(&piece, "GET~/p~HTTP/1.1~~Host~h~~X~a~value~~~~", "value")); /* something between */
    assert_string_equal(piece.head.wrong, "a header field is folded");
}

static void the_request_line_is_parted_by_single_spaces(void **state)
{
    static const char line[] = "GET\0 /p\0HTTP/1.1\0\0";
    struct head head;
    (void)state;
    head_start(&head, line, line + 5, 2, line + 8, true);
    assert_non_null(head.wrong);
    head_start(&head, line, line + 4, 3, line + 8, true);
    assert_null(head.wrong);
    head_start(&head, line, line + 4, 2, line + 8, true); /* a NUL was in the target */
    assert_non_null(head.wrong);
}

/* The library appends what is folded to the name, somewhere else: the value stays where it was. */
static void a_folded_field_is_seen_by_its_place(void **state)
{
    static char forged[] = "Transfer-Encoding";
    struct piece piece;
    (void)state;
    piece_start(&piece, "GET~/p~HTTP/1.1~~Host~h~~Transfer~chunked~~ -Encoding~~~~");
    head_start(&piece.head, piece.bytes, piece.bytes + 4, 2, piece.bytes + 7, true);
    piece_field(&piece, "Host", "h");
    head_field(&piece.head, forged, strlen(forged), memmem(piece.bytes, piece.length, "chunked", 7), 7);
    assert_false(head_end(&piece.head, NULL));
}

struct row {
    const char *fields[4][2];
    const char *version;
    bool good;
};

static bool judge(const struct row *row, struct head *head)
{
    head_start(head, "POST", "/p", 2, row->version, false);
    for (size_t i = 0; i < 4 && row->fields[i][0] != NULL; i++)
        head_field(head, row->fields[i][0], strlen(row->fields[i][0]), row->fields[i][1],
                   strlen(row->fields[i][1]));
    return head_end(head, NULL);
}

static void bodies_have_one_length(void **state)
{
    static const struct row rows[] = {
        {{{"Host", "h"}}, "HTTP/1.1", true},
        {{{"host", "h"}, {"content-length", "12"}}, "HTTP/1.1", true},
        {{{"Host", "h"}, {"Transfer-Encoding", "Chunked"}}, "HTTP/1.1", true},
        {{{NULL}}, "HTTP/1.0", true},
        {{{NULL}}, "HTTP/1.1", false},
        {{{"Host", "h"}}, "HTTP/2.0", false},
        {{{"Host", "h"}, {"Host", "h"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"Content-Length", "1"}, {"Content-Length", "1"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}},
         "HTTP/1.1",
         false},
        {{{"Host", "h"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
         "HTTP/1.1",
         false},
        {{{"Host", "h"}, {"Transfer-Encoding", "gzip"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"Transfer-Encoding", "chunked "}}, "HTTP/1.1", false},
        {{{"Transfer-Encoding", "chunked"}}, "HTTP/1.0", false},
        {{{"Host", "h"}, {"Content-Length", ""}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"Content-Length", "-1"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"Content-Length", "+1"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"Content-Length", "1,1"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"Content-Length", "1234567890123456789"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"X Y", "z"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"", "z"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"X", "a\rb"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"X", "a\x7f"}}, "HTTP/1.1", false},
        {{{"Host", "h"}, {"X", "a\tb \xe4"}}, "HTTP/1.1", true},
    };
    struct head head;
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++)
        if (judge(&rows[i], &head) != rows[i].good)
            fail_msg("row %zu: %s", i, head.wrong != NULL ? head.wrong : "it is taken");
    assert_true(judge(&rows[1], &head));
    assert_int_equal(head.length, 12);
    assert_false(head.chunked);
}

static void fields_are_counted(void **state)
{
    struct head head;
    (void)state;
    head_start(&head, "GET", "/", 1, "HTTP/1.0", false);
    for (size_t i = 0; i < HEAD_FIELDS; i++)
        head_field(&head, "X", 1, "y", 1);
    assert_null(head.wrong);
    head_field(&head, "X", 1, NULL, 0);
    assert_non_null(head.wrong);
}

static void tokens_and_cookies_are_found(void **state)
{
    static const char *const none[] = {NULL,        "",           "Bearer",     "Bearer ",
                                       "Basic abc", "Bearer a b", "Bearer a,b", "Bearerabc"};
    size_t length = 0;
    (void)state;
    assert_string_equal(head_bearer("Bearer abc"), "abc");
    assert_string_equal(head_bearer("bEARER   a-._~+/="), "a-._~+/=");
    for (size_t i = 0; i < UNIT_COUNT(none); i++)
        assert_null(head_bearer(none[i]));
    assert_memory_equal(head_cookie("a=1; s=xyz; b=2", "s", &length), "xyz;", 4);
    assert_int_equal(length, 3);
    assert_non_null(head_cookie("s=", "s", &length));
    assert_int_equal(length, 0);
    assert_null(head_cookie("as=1; ss=2", "s", &length));
    assert_null(head_cookie("s=1; s=2", "s", &length));
    assert_null(head_cookie("s", "s", &length));
    assert_null(head_cookie(NULL, "s", &length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_paths_of_sound_characters),
        cmocka_unit_test(what_lies_between_the_parts_of_a_head_is_looked_at),
        cmocka_unit_test(the_request_line_is_parted_by_single_spaces),
        cmocka_unit_test(a_folded_field_is_seen_by_its_place),
        cmocka_unit_test(bodies_have_one_length),
        cmocka_unit_test(fields_are_counted),
        cmocka_unit_test(tokens_and_cookies_are_found),
    };
    return UNIT_RUN(tests);
}
