/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * screen: see screen.h.
 */
#include "client/screen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>
#include <wchar.h>

#include "base/utf8.h"

enum { NARROWEST = 40, LINE_LIMIT = 4096, ELLIPSIS = 3 };

static int clamp(long width)
{
    if (width < NARROWEST) {
        return NARROWEST;
    }
    return width < SCREEN_UNBOUND ? (int)width : SCREEN_UNBOUND;
}

/* What the environment says, which is asked where no terminal can be. */
static int width_wanted(void)
{
    const char *text = getenv("COLUMNS");
    char *end;
    long width;

    if (text == NULL) {
        return SCREEN_UNBOUND;
    }
    width = strtol(text, &end, 10);
    return width > 0 && *end == '\0' ? clamp(width) : SCREEN_UNBOUND;
}

struct screen screen_open(FILE *out)
{
    struct screen screen = {.out = out, .width = width_wanted()};
    const char *no_colour = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    bool terminal = isatty(fileno(out)) == 1;
    struct winsize size;

    if (terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        screen.width = clamp(size.ws_col);
        screen.height = size.ws_row > 1 ? size.ws_row - 1 : 0;
    }
    screen.colour = terminal && (no_colour == NULL || no_colour[0] == '\0') && kind != NULL &&
                    strcmp(kind, "dumb") != 0;
    return screen;
}

/* --- pages ------------------------------------------------------------------------------------ */

void screen_page_begin(struct screen_page *page, const struct screen *screen)
{
    *page = (struct screen_page){.screen = *screen};
    page->screen.out = open_memstream(&page->text, &page->length);
    if (page->screen.out == NULL) {
        perror("a page cannot be made");
        exit(EX_OSERR);
    }
}

void screen_page_end(struct screen_page *page)
{
    (void)fclose(page->screen.out);
    page->screen.out = NULL;
    for (const char *at = page->text; (at = strchr(at, '\n')) != NULL; at++) {
        page->lines++;
    }
}

void screen_page_put(struct screen_page *page, const struct screen *screen)
{
    const char *end = page->text;

    for (int line = 0; *end != '\0' && (screen->height <= 0 || line < screen->height); line++) {
        const char *stop = strchr(end, '\n');

        end = stop != NULL ? stop + 1 : end + strlen(end);
    }
    fwrite(page->text, 1, (size_t)(end - page->text), screen->out);
    screen_page_free(page);
}

void screen_page_free(struct screen_page *page)
{
    free(page->text);
    page->text = NULL;
}

enum tone screen_tone(const char *state)
{
    static const struct {
        const char *state;
        enum tone tone;
    } tones[] = {
        {"completed", TONE_GOOD}, {"open", TONE_GOOD},   {"running", TONE_STRONG},
        {"failed", TONE_BAD},     {"expired", TONE_BAD}, {"refused", TONE_BAD},
        {"held", TONE_BAD},       {"closed", TONE_BAD},
    };

    for (size_t i = 0; i < sizeof tones / sizeof tones[0]; i++) {
        if (strcmp(state, tones[i].state) == 0) {
            return tones[i].tone;
        }
    }
    return TONE_PLAIN;
}

/* --- characters ------------------------------------------------------------------------------- */

/* A character of valid UTF-8 as a number. */
static uint32_t decode(const char *text, size_t size)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t point = (unsigned char)text[0] & masks[size];

    for (size_t i = 1; i < size; i++) {
        point = point << 6 | ((unsigned char)text[i] & 0x3F);
    }
    return point;
}

/* Control characters, and those that turn the direction of a line round. */
static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) ||
           (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

/* One character as it is shown. */
struct glyph {
    size_t size; /* bytes it takes in the text */
    int columns;
    bool blank; /* shown as a space */
};

static struct glyph glyph_read(const char *text, size_t length)
{
    size_t size = utf8_sequence(text, length);
    uint32_t point;
    int columns;

    if (size == 0) {
        return (struct glyph){1, 1, true};
    }
    point = decode(text, size);
    if (is_control(point)) {
        return (struct glyph){size, 1, true};
    }
    columns = wcwidth((wchar_t)point);
    return (struct glyph){size, columns < 0 ? 1 : columns, false};
}

int screen_columns(const char *text)
{
    size_t length = strlen(text);
    int columns = 0;

    for (size_t i = 0; i < length;) {
        struct glyph glyph = glyph_read(text + i, length - i);

        columns += glyph.columns;
        i += glyph.size;
    }
    return columns;
}

int screen_fit(struct buffer *out, const char *text, int columns)
{
    size_t length = strlen(text);
    bool cut = screen_columns(text) > columns;
    int room = cut && columns > ELLIPSIS ? columns - ELLIPSIS : columns;
    int used = 0;

    for (size_t i = 0; i < length;) {
        struct glyph glyph = glyph_read(text + i, length - i);

        if (used + glyph.columns > room) {
            break;
        }
        if (glyph.blank) {
            buffer_byte(out, ' ');
        } else {
            buffer_append(out, text + i, glyph.size);
        }
        used += glyph.columns;
        i += glyph.size;
    }
    if (cut && room < columns) {
        buffer_text(out, "...");
        used += ELLIPSIS;
    }
    return used;
}

/* --- lines ------------------------------------------------------------------------------------ */

const char *screen_tone_on(const struct screen *screen, enum tone tone)
{
    static const char *const codes[] = {
        [TONE_PLAIN] = "",        [TONE_STRONG] = "\033[1m", [TONE_FAINT] = "\033[2m",
        [TONE_GOOD] = "\033[32m", [TONE_BAD] = "\033[1;31m",
    };

    return screen->colour ? codes[tone] : "";
}

static void put_line(const struct screen *screen, enum tone tone, const char *text)
{
    const char *on = screen_tone_on(screen, tone);

    fprintf(screen->out, "%s%s%s\n", on, text, on[0] != '\0' ? "\033[0m" : "");
}

void screen_line(const struct screen *screen, enum tone tone, const char *format, ...)
{
    struct buffer fitted = {0};
    char text[LINE_LIMIT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    screen_fit(&fitted, text, screen->width);
    put_line(screen, tone, fitted.bytes != NULL ? fitted.bytes : "");
    buffer_free(&fitted);
}

/* How many bytes of text fit into columns without breaking a word, if it has a gap at all. */
static size_t break_at(const char *text, int columns)
{
    size_t length = strlen(text);
    size_t gap = 0;
    int used = 0;

    for (size_t i = 0; i < length;) {
        struct glyph glyph = glyph_read(text + i, length - i);

        if (text[i] == ' ') {
            gap = i;
        }
        if (used + glyph.columns > columns) {
            return gap > 0 ? gap : i;
        }
        used += glyph.columns;
        i += glyph.size;
    }
    return length;
}

void screen_paragraph(const struct screen *screen, enum tone tone, const char *label, int indent,
                      const char *text)
{
    struct buffer clean = {0};
    struct buffer line = {0};
    int columns = screen->width - indent;
    const char *rest;

    screen_fit(&clean, text, LINE_LIMIT);
    rest = clean.bytes != NULL ? clean.bytes : "";
    do {
        size_t size = break_at(rest, columns);

        buffer_clear(&line);
        buffer_printf(&line, "%-*s%.*s", indent, label, (int)size, rest);
        put_line(screen, tone, line.bytes);
        rest += size;
        rest += strspn(rest, " ");
        label = "";
    } while (*rest != '\0');
    buffer_free(&clean);
    buffer_free(&line);
}

/* --- words ------------------------------------------------------------------------------------ */

const char *screen_plural(uint64_t number)
{
    return number == 1 ? "" : "s";
}

const char *screen_bytes(int64_t bytes, char text[SCREEN_SIZE_SIZE])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    double size = (double)bytes;
    size_t unit = 0;

    while (size >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        size /= 1000;
        unit++;
    }
    snprintf(text, SCREEN_SIZE_SIZE, "%.*f %s", unit == 0 || size >= 100 ? 0 : 1, size,
             units[unit]);
    return text;
}
