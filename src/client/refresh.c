/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refresh: see refresh.h. */
#include "client/refresh.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"

#define ENTER  "\033[?1049h\033[?25l\033[?7l" /* alternate screen, no cursor, lines are cut */
#define LEAVE  "\033[?7h\033[?25h\033[?1049l"
#define HOME   "\033[H"
#define TO_EOL "\033[K"
#define TO_END "\033[J"

struct terminal {
    int signals;     /* signalfd */
    sigset_t before; /* the mask to go back to */
    bool keys;       /* stdin is the terminal, too: q is heard */
    struct termios cooked;
};

/* --- the terminal
 * --------------------------------------------------------------------------------- */

static void say(const char *sequence)
{
    fputs(sequence, stdout);
    fflush(stdout);
}

/* Keys come at once and are not shown; the signals of Ctrl-C and Ctrl-Z stay. */
static void enter(struct terminal *terminal)
{
    struct termios raw;

    terminal->keys = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &terminal->cooked) == 0;
    if (terminal->keys) {
        raw = terminal->cooked;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        terminal->keys = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    }
    say(ENTER);
}

static void leave(const struct terminal *terminal)
{
    say(LEAVE);
    if (terminal->keys) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->cooked);
    }
}

/* Ctrl-Z: the shell gets its terminal as it was; when it lets us go on all is shown anew. */
static void stop(struct terminal *terminal)
{
    leave(terminal);
    (void)raise(SIGSTOP);
    enter(terminal);
}

static int catch_signals(struct terminal *terminal, struct error *error)
{
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGCONT};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
        sigaddset(&set, caught[i]);
    }
    terminal->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (terminal->signals < 0) {
        error_system(error, errno, "signals cannot be waited for");
        return -1;
    }
    sigprocmask(SIG_BLOCK, &set, &terminal->before);
    return 0;
}

/* --- a page
 * --------------------------------------------------------------------------------------- */

/* What a narrower or lower terminal cannot show is cut by it. */
static struct screen page_screen(void)
{
    struct screen screen = screen_open(stdout);

    if (screen.height > 1) {
        return screen; /* one line is left for the heading, by what screen_open leaves to a prompt
                        */
    }
    screen.height = 1;
    return screen;
}

static void put_page(const char *text, int height)
{
    for (int line = 0; line < height && *text != '\0'; line++) {
        size_t length = strcspn(text, "\n");

        fputs("\n" TO_EOL, stdout);
        fwrite(text, 1, length, stdout);
        text += length + (text[length] == '\n');
    }
}

static void show(int64_t every_ms, refresh_page *page, void *context)
{
    struct screen screen = page_screen();
    struct screen_page made;
    struct error error;
    time_t now = time(NULL);
    struct tm local;
    char moment[16] = "";

    screen_page_begin(&made, &screen);
    if (page(context, &made.screen, &error) < 0) {
        screen_paragraph(&made.screen, TONE_BAD, "!", 2, error.text);
    }
    screen_page_end(&made);
    if (localtime_r(&now, &local) != NULL) {
        strftime(moment, sizeof moment, "%H:%M:%S", &local);
    }
    fputs(HOME, stdout);
    fprintf(stdout, TO_EOL "%s%s  every %g s, q ends%s", screen_tone_on(&screen, TONE_FAINT),
            moment, (double)every_ms / 1000, screen.colour ? "\033[0m" : "");
    put_page(made.text, screen.height);
    say(TO_END);
    screen_page_free(&made);
}

/* --- waiting
 * -------------------------------------------------------------------------------------- */

/* Takes what signals came. Returns the one that ends it, or 0; *again: show anew at once. */
static int take_signals(struct terminal *terminal, bool *again)
{
    struct signalfd_siginfo info;

    while (read(terminal->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGTSTP:
            stop(terminal);
            *again = true;
            break;
        case SIGWINCH:
        case SIGCONT:
            *again = true;
            break;
        default:
            return (int)info.ssi_signo;
        }
    }
    return 0;
}

/* Whether q was pressed. An end of input ends the listening. */
static bool take_key(struct terminal *terminal)
{
    char key;
    ssize_t got = read(STDIN_FILENO, &key, 1);

    if (got <= 0) {
        terminal->keys = false;
    }
    return got == 1 && (key == 'q' || key == 'Q');
}

static int64_t now_ms(void)
{
    return clock_mono(&clock_system).ms;
}

/* Waits until the page is due. Returns 0, a signal's number, or -1: q. */
static int wait_until(struct terminal *terminal, int64_t due_ms)
{
    bool again = false;
    int ended = 0;

    while (!again && ended == 0 && now_ms() < due_ms) {
        struct pollfd fds[2] = {{.fd = terminal->signals, .events = POLLIN},
                                {.fd = terminal->keys ? STDIN_FILENO : -1, .events = POLLIN}};

        if (poll(fds, 2, (int)(due_ms - now_ms() > 0 ? due_ms - now_ms() : 0)) < 0) {
            continue; /* EINTR, by SIGCONT where it is not blocked */
        }
        if (fds[0].revents != 0) {
            ended = take_signals(terminal, &again);
        }
        if (ended == 0 && fds[1].revents != 0 && take_key(terminal)) {
            ended = -1;
        }
    }
    return ended;
}

int refresh_run(int64_t every_ms, refresh_page *page, void *context, struct error *error)
{
    const char *kind = getenv("TERM");
    struct terminal terminal = {.signals = -1};
    int ended = 0;

    if (isatty(STDOUT_FILENO) != 1 || kind == NULL || strcmp(kind, "dumb") == 0) {
        error_set(error, ERROR_USAGE, "--watch wants a terminal; --json and a loop serve programs");
        return -1;
    }
    if (catch_signals(&terminal, error) < 0) {
        return -1;
    }
    enter(&terminal);
    while (ended == 0) {
        int64_t begun = now_ms();

        show(every_ms, page, context);
        ended = wait_until(&terminal, begun + every_ms);
    }
    leave(&terminal);
    close(terminal.signals);
    sigprocmask(SIG_SETMASK, &terminal.before, NULL);
    return ended > 0 ? ended : 0;
}
