/* SPDX-License-Identifier: GPL-2.0-or-later */
/* head: see head.h. */
#include "httpd/head.h"

#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/utf8.h"

/* --- the target --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads one byte of a target, which may be written as %XX. Returns how many characters it took; 0:
 * none that may be there. */
static size_t read_byte(const char *text, unsigned char *byte, bool *escaped)
{
    int high, low;

    *escaped = text[0] == '%';
    *byte = (unsigned char)text[0];
    if (!*escaped)
        return *byte > ' ' && *byte < 0x7f && *byte != '#' ? 1 : 0;
    high = hex_digit(text[1]);
    low = high < 0 ? -1 : hex_digit(text[2]);
    *byte = (unsigned char)(high * 16 + low);
    return low < 0 ? 0 : 3;
}

static bool is_control(unsigned char byte)
{
    return byte < ' ' || byte == 0x7f;
}

/* Whether a decoded path has a segment that means a folder of its own. */
static bool has_dots(const char *path)
{
    for (const char *segment = path; segment != NULL; segment = strchr(segment, '/')) {
        size_t length;

        segment += *segment == '/';
        length = strcspn(segment, "/");
        if ((length == 1 && segment[0] == '.') || (length == 2 && memcmp(segment, "..", 2) == 0))
            return true;
    }
    return false;
}

static const char *check_path(const char *target, struct buffer *path, size_t *taken)
{
    while (target[*taken] != '\0' && target[*taken] != '?') {
        unsigned char byte;
        bool escaped;
        size_t step = read_byte(target + *taken, &byte, &escaped);

        if (step == 0 || (escaped && is_control(byte)))
            return "the target has a character that may not be there";
        if (byte == '\\' || (escaped && byte == '/'))
            return "the path has a / or \\ that is a part of a name";
        buffer_byte(path, (char)byte);
        *taken += step;
    }
    return has_dots(path->bytes) ? "the path has a segment of dots" : NULL;
}

static const char *check_query(const char *query, struct buffer *text)
{
    while (*query != '\0') {
        unsigned char byte;
        bool escaped;
        size_t step = read_byte(query, &byte, &escaped);

        if (step == 0 || byte == '\0')
            return "the query has a character that may not be there";
        buffer_byte(text, (char)byte);
        query += step;
    }
    return NULL;
}

const char *head_target_problem(const char *target)
{
    struct buffer text = {0};
    size_t taken = 0;
    const char *problem;

    if (target == NULL || target[0] != '/')
        return "the target is no path";
    problem = check_path(target, &text, &taken);
    if (problem == NULL)
        problem = check_query(target + taken, &text);
    if (problem == NULL && !utf8_valid(text.bytes, text.length))
        problem = "the target is no UTF-8";
    buffer_free(&text);
    return problem;
}

/* --- the head --- */

static bool wrong(struct head *head, const char *words)
{
    if (head->wrong == NULL)
        head->wrong = words;
    return false;
}

/* Letters, digits and some signs: RFC 9110, 5.6.2. */
static bool is_token(const char *text, size_t length)
{
    static const char signs[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool word = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

        if (!word && (c == '\0' || strchr(signs, c) == NULL))
            return false;
    }
    return length > 0;
}

void head_start(struct head *head, const char *method, const char *target, size_t target_length,
                const char *version, bool in_place)
{
    *head = (struct head){.old = strcmp(version, "HTTP/1.0") == 0};
    if (!is_token(method, strlen(method))) {
        (void)wrong(head, "the method is no token");
    } else if (strncmp(version, "HTTP/1.", 7) != 0) {
        (void)wrong(head, "the version is not HTTP/1");
    } else if (in_place &&
               (target != method + strlen(method) + 1 || version != target + target_length + 1)) {
        (void)wrong(head, "the request line is not parted by single spaces");
    } else if (in_place) {
        head->next = version + strlen(version) + 2;
    }
}

/* Between a name and its value are a colon and blanks, and behind the value CRLF, or the field was
 * folded or ended otherwise: the library would forge another field of it. */
static void check_place(struct head *head, const char *name, size_t name_length, const char *value,
                        size_t value_length)
{
    if (head->next == NULL)
        return;
    if (name != head->next || value <= name + name_length) {
        (void)wrong(head, "a header field is folded, or a line does not end with CRLF");
        return;
    }
    for (const char *blank = name + name_length + 1; blank < value; blank++)
        if (*blank != ' ' && *blank != '\t')
            (void)wrong(head, "a header field is folded");
    head->next = value + value_length + 2;
}

static void take_length(struct head *head, const char *value, size_t length)
{
    if (head->has_length)
        (void)wrong(head, "there are two Content-Length");
    head->has_length = true;
    if (length == 0 || length > 18 || strspn(value, "0123456789") != length) {
        (void)wrong(head, "Content-Length is no number");
        return;
    }
    for (size_t i = 0; i < length; i++)
        head->length = head->length * 10 + (uint64_t)(value[i] - '0');
}

static void take_coding(struct head *head, const char *value)
{
    if (head->chunked)
        (void)wrong(head, "there are two Transfer-Encoding");
    if (strcasecmp(value, "chunked") != 0)
        (void)wrong(head, "Transfer-Encoding is not chunked");
    if (head->old)
        (void)wrong(head, "HTTP/1.0 has no Transfer-Encoding");
    head->chunked = true;
}

static void take_field(struct head *head, const char *name, const char *value, size_t length)
{
    if (strcasecmp(name, "Host") == 0) {
        if (head->host != NULL)
            (void)wrong(head, "there are two Host");
        head->host = value;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        take_length(head, value, length);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        take_coding(head, value);
    } else if (strcasecmp(name, "Expect") == 0) {
        head->expects = true;
    }
}

void head_field(struct head *head, const char *name, size_t name_length, const char *value,
                size_t value_length)
{
    if (head->wrong != NULL)
        return;
    if (value == NULL) {
        value = "";
        value_length = 0;
    }
    if (++head->fields > HEAD_FIELDS)
        (void)wrong(head, "there are too many header fields");
    if (!is_token(name, name_length))
        (void)wrong(head, "the name of a header field is no token");
    for (size_t i = 0; i < value_length; i++)
        if (is_control((unsigned char)value[i]) && value[i] != '\t')
            (void)wrong(head, "a header field has a control character");
    check_place(head, name, name_length, value, value_length);
    if (head->wrong == NULL)
        take_field(head, name, value, value_length);
}

bool head_end(struct head *head, const char *end)
{
    if (head->wrong != NULL)
        return false;
    if (head->next != NULL && end != NULL && end != head->next + 2)
        return wrong(head, "a line of the head does not end with CRLF");
    if (head->chunked && head->has_length)
        return wrong(head, "there are Content-Length and Transfer-Encoding");
    if (head->host == NULL && !head->old)
        return wrong(head, "there is no Host");
    return true;
}

/* --- values --- */

const char *head_bearer(const char *authorization)
{
    static const char signs[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    const char *token;

    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    token = authorization + 7;
    token += strspn(token, " ");
    return token[0] != '\0' && token[strspn(token, signs)] == '\0' ? token : NULL;
}

const char *head_cookie(const char *cookies, const char *name, size_t *length)
{
    size_t name_length = strlen(name);
    const char *found = NULL;

    while (cookies != NULL && *cookies != '\0') {
        size_t size = strcspn(cookies, ";");

        if (size > name_length && strncmp(cookies, name, name_length) == 0 &&
            cookies[name_length] == '=') {
            if (found != NULL)
                return NULL;
            found = cookies + name_length + 1;
            *length = size - name_length - 1;
        }
        cookies += size;
        cookies += strspn(cookies, "; ");
    }
    return found;
}
