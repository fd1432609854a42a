/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_kinds: kinds of settings that have rules of their own: URLs, headers, prices, a time zone.
 */
#include "daemon/config_kinds.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/moneytext.h"
#include "base/network.h"
#include "base/sizetext.h"
#include "base/timetext.h"
#include "base/weburl.h"
#include "base/xalloc.h"
#include "provider/provider.h"
#include "retain/policy.h"
#include "daemon/config_urls.h"

#define DELAY_MOST_MS INT64_C(2592000000)

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

static int refuse(const struct setting *setting, struct error *error, const char *problem)
{
    error_set(error, ERROR_DATA, "%s cannot be used: %s", setting->name, problem);
    return -1;
}

static void text_write(const void *field, FILE *out)
{
    setting_text.write(field, out);
}

static void list_write(const void *field, FILE *out)
{
    setting_list.write(field, out);
}

static bool pointer_said(const struct setting *setting, const void *field)
{
    return setting_text.said(setting, field);
}

/* Providers. */

static bool is_spoken(const char *protocol)
{
    for (const char *const *name = provider_protocols(); *name != NULL; name++) {
        if (strcmp(*name, protocol) == 0)
            return true;
    }
    return false;
}

static int protocol_read(const struct setting *setting, const char *text, void *field,
                         struct error *error)
{
    if (is_spoken(text))
        return setting_text.read(setting, text, field, error);
    struct buffer list = {0};
    for (const char *const *name = provider_protocols(); *name != NULL; name++)
        buffer_printf(&list, "%s%s", list.length > 0 ? ", " : "", *name);
    error_set(error, ERROR_DATA, "protocol \"%s\" is not spoken here; there is: %s", text,
              list.bytes != NULL ? list.bytes : "none");
    buffer_free(&list);
    return -1;
}

static int url_read(const struct setting *setting, const char *text, void *field,
                    struct error *error)
{
    if (config_url_check(text, error) == -1)
        return -1;
    return setting_list.read(setting, text, field, error);
}

/* Headers. */

static bool is_token(const char *text, size_t length)
{
    return length > 0 && strspn(text, LETTERS DIGITS "!#$%&'*+-.^_`|~") >= length;
}

/* What we, the protocols or libcurl set; a second one would contradict it or undo its meaning. */
static bool is_our_own(const char *name, size_t length)
{
    static const char *const names[] = {
        "accept",
        "accept-encoding",
        "anthropic-version",
        "api-key",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "http2-settings",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-api-key",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == length && strncasecmp(names[i], name, length) == 0)
            return true;
    }
    return false;
}

static int header_read(const struct setting *setting, const char *text, void *field,
                       struct error *error)
{
    size_t name = strcspn(text, ":");
    if (text[name] != ':' || !is_token(text, name))
        return refuse(setting, error, "a header is \"Name: value\"");
    if (is_our_own(text, name)) {
        error_set(error, ERROR_DATA, "the header %.*s is not for headers to set", (int)name, text);
        return -1;
    }
    if (text[name + 1 + strspn(text + name + 1, " ")] == '\0') {
        error_set(error, ERROR_DATA, "the header %.*s has no value", (int)name, text);
        return -1;
    }
    return setting_list.read(setting, text, field, error);
}

static int header_name_read(const struct setting *setting, const char *text, void *field,
                            struct error *error)
{
    if (!is_token(text, strlen(text)))
        return refuse(setting, error, "it is no name of a header, such as api-key");
    if (is_our_own(text, strlen(text)) && strcasecmp(text, "api-key") != 0 &&
        strcasecmp(text, "x-api-key") != 0 && strcasecmp(text, "authorization") != 0)
        return refuse(setting, error, "that header has another meaning");
    return setting_text.read(setting, text, field, error);
}

static int query_read(const struct setting *setting, const char *text, void *field,
                      struct error *error)
{
    if (*text != '\0' && text[strspn(text, LETTERS DIGITS "-._~!$&'()*+,;=:@/%")] != '\0')
        return refuse(setting, error,
                      "it is no query of a URL, such as api-version=2024-10-21, without its"
                      " question mark");
    return setting_text.read(setting, text, field, error);
}

/* Proxies. */

/* The @ that ends user and password, or NULL; *from is where they begin. */
static const char *proxy_user(const char *proxy, const char **from)
{
    const char *mark = strstr(proxy, "://");
    *from = mark != NULL ? mark + 3 : proxy;
    return memrchr(*from, '@', strcspn(*from, "/?#"));
}

bool kind_proxy_is_secret(const char *proxy)
{
    const char *from;
    return proxy_user(proxy, &from) != NULL;
}

static bool proxy_scheme_good(CURLU *url)
{
    static const char *const schemes[] = {"http", "https", "socks5", "socks5h"};
    char *scheme = NULL;
    bool good = false;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        good = good || strcmp(scheme, schemes[i]) == 0;
    curl_free(scheme);
    return good;
}

static bool proxy_ends_there(const char *proxy)
{
    const char *from;
    (void)proxy_user(proxy, &from);
    const char *end = from + strcspn(from, "/?#");
    return *end == '\0' || strcmp(end, "/") == 0;
}

static int proxy_read(const struct setting *setting, const char *text, void *field,
                      struct error *error)
{
    CURLU *url = curl_url();
    if (url == NULL)
        return refuse(setting, error, "out of memory");
    bool parsed = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
    bool good = parsed && proxy_scheme_good(url) && proxy_ends_there(text);
    curl_url_cleanup(url);
    if (!good)
        return refuse(setting, error,
                      "it is no URL such as http://proxy:3128, https://proxy or"
                      " socks5://proxy:1080");
    return setting_text.read(setting, text, field, error);
}

static void proxy_write(const void *field, FILE *out)
{
    const char *proxy = *(char *const *)field;
    const char *from;
    const char *at = proxy_user(proxy, &from);
    const char *colon = at != NULL ? memchr(from, ':', (size_t)(at - from)) : NULL;
    if (colon == NULL) {
        setting_print_text(proxy, out);
        return;
    }
    char *masked = xasprintf("%.*s:***%s", (int)(colon - proxy), proxy, at);
    setting_print_text(masked, out);
    free(masked);
}

/* Files and names. */

static int secret_file_read(const struct setting *setting, const char *text, void *field,
                            struct error *error)
{
    struct stat status;
    if (setting_file.read(setting, text, field, error) == -1)
        return -1;
    if (stat(text, &status) == -1) {
        error_set(error, ERROR_DATA, "%s %s cannot be read: %s", setting->name, text,
                  strerror(errno));
        return -1;
    }
    if ((status.st_mode & (S_IROTH | S_IWOTH)) == 0)
        return 0;
    error_set(error, ERROR_DATA, "%s %s is open to every user of this machine: chmod 600 %s",
              setting->name, text, text);
    return -1;
}

/* Names have no dot, so none leads out of the folder. */
static bool zone_is_there(const char *name)
{
    char magic[4] = "";
    if (*name == '/' || name[strspn(name, LETTERS DIGITS "_+-/")] != '\0')
        return false;
    char *path = xasprintf("/usr/share/zoneinfo/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    free(path);
    if (fd == -1)
        return false;
    ssize_t got = read(fd, magic, sizeof magic);
    (void)close(fd); /* was only read */
    return got == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
}

static int zone_read(const struct setting *setting, const char *text, void *field,
                     struct error *error)
{
    if (!zone_is_there(text))
        return refuse(setting, error,
                      "there is no such time zone in /usr/share/zoneinfo; they are named as"
                      " Europe/Berlin or UTC");
    return setting_text.read(setting, text, field, error);
}

static int currency_read(const struct setting *setting, const char *text, void *field,
                         struct error *error)
{
    if (strlen(text) != 3 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return refuse(setting, error, "a currency is three capital letters, such as USD");
    return setting_text.read(setting, text, field, error);
}

/* Prices. */

enum { PRICE_STEP = 1000000 }; /* nano per million tokens in a nano per token */

static int price_read(const struct setting *setting, const char *text, void *field,
                      struct error *error)
{
    int64_t nano = -1;
    if (setting_money.read(setting, text, &nano, error) == -1)
        return -1;
    *(int64_t *)field = nano / PRICE_STEP + (nano % PRICE_STEP != 0); /* not below the real one */
    return 0;
}

static void price_write(const void *field, FILE *out)
{
    const int64_t nano = *(const int64_t *)field * PRICE_STEP;
    setting_money.write(&nano, out);
}

static bool price_said(const struct setting *setting, const void *field)
{
    return setting_money.said(setting, field);
}

static int free_read(const struct setting *setting, const char *text, void *field,
                     struct error *error)
{
    if (strcmp(text, "free") != 0)
        return refuse(setting, error,
                      "it is the word free or nothing; amounts are input_price and output_price");
    *(bool *)field = true;
    return 0;
}

static void free_write(const void *field, FILE *out)
{
    (void)field;
    fputs("free", out);
}

static bool free_said(const struct setting *setting, const void *field)
{
    (void)setting;
    return *(const bool *)field;
}

static int room_read(const struct setting *setting, const char *text, void *field,
                     struct error *error)
{
    if (policy_room_read(text, field) == 0)
        return 0;
    return refuse(setting, error, "it is a share such as 10% or a size such as 5GiB");
}

static void room_write(const void *field, FILE *out)
{
    const struct policy_room *room = field;
    char size[SIZETEXT_SIZE];

    sizetext_write(room->bytes, size);
    if (room->bytes > 0)
        fputs(size, out);
    else
        fprintf(out, "%u%%", room->percent);
}

/* Commands. */

static int program_check(const struct setting *setting, const char *path, struct error *error)
{
    struct stat status;
    if (*path != '/')
        return refuse(setting, error,
                      "it begins with the program's whole path, such as"
                      " {\"/usr/local/bin/notify\", \"argument\"}; no shell looks for it");
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0)
        return 0;
    error_set(error, ERROR_DATA, "%s cannot be used: %s is no program that can be run",
              setting->name, path);
    return -1;
}

static int command_read(const struct setting *setting, const char *text, void *field,
                        struct error *error)
{
    char *const *words = *(char *const *const *)field;
    bool first = words == NULL || words[0] == NULL;
    if (first && program_check(setting, text, error) == -1)
        return -1;
    return setting_list.read(setting, text, field, error);
}

/* Webhooks. */

static int web_read(const struct setting *setting, const char *text, void *field,
                    struct error *error)
{
    struct weburl url;
    if (weburl_read(text, &url, error) == -1) {
        error_prefix(error, "%s cannot be used", setting->name);
        return -1;
    }
    return setting_text.read(setting, text, field, error);
}

static int ends_read(const struct setting *setting, const char *text, void *field,
                     struct error *error)
{
    static const char *const ends[] = {"completed", "failed", "cancelled", "expired"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (strcmp(text, ends[i]) == 0)
            return setting_list.read(setting, text, field, error);
    }
    error_set(error, ERROR_DATA,
              "%s holds \"%s\", which is none of completed, failed, cancelled and expired",
              setting->name, text);
    return -1;
}

static int networks_read_setting(const struct setting *setting, const char *text, void *field,
                                 struct error *error)
{
    struct network network;
    if (network_read(text, &network, error) == -1) {
        error_prefix(error, "%s", setting->name);
        return -1;
    }
    return setting_list.read(setting, text, field, error);
}

static int delays_read(const struct setting *setting, const char *text, void *field,
                       struct error *error)
{
    char ***owned = field;
    size_t count = 0;
    int64_t ms;
    if (timetext_read_duration(text, &ms) != 0 || ms < 0 || ms > DELAY_MOST_MS)
        return refuse(setting, error, "it holds what is no duration of at most 30d, such as 5s or"
                                      " 2h");
    while (*owned != NULL && (*owned)[count] != NULL)
        count++;
    if (count >= setting->most)
        return refuse(setting, error, "it holds too many");
    *owned = xrealloc(*owned, (count + 2) * sizeof **owned);
    (*owned)[count] = xstrdup(text);
    (*owned)[count + 1] = NULL;
    return 0;
}

/* The collector takes no other names, and reads the file whole or not at all. */
static int metrics_file_read(const struct setting *setting, const char *text, void *field,
                             struct error *error)
{
    size_t length = strlen(text);

    if (text[0] != '/' || length < 6 || strcmp(text + length - 5, ".prom") != 0 ||
        text[length - 6] == '/')
        return refuse(setting, error,
                      "it is an absolute path that ends in .prom, such as"
                      " /var/lib/prometheus/node-exporter/llmspool.prom");
    return setting_text.read(setting, text, field, error);
}

const struct setting_kind kind_web = {web_read, text_write, pointer_said, false};
const struct setting_kind kind_ends = {ends_read, list_write, pointer_said, true};
const struct setting_kind kind_networks = {networks_read_setting, list_write, pointer_said, true};
const struct setting_kind kind_delays = {delays_read, list_write, pointer_said, true};
const struct setting_kind kind_protocol = {protocol_read, text_write, pointer_said, false};
const struct setting_kind kind_urls = {url_read, list_write, pointer_said, true};
const struct setting_kind kind_headers = {header_read, list_write, pointer_said, true};
const struct setting_kind kind_header_name = {header_name_read, text_write, pointer_said, false};
const struct setting_kind kind_query = {query_read, text_write, pointer_said, false};
const struct setting_kind kind_proxy = {proxy_read, proxy_write, pointer_said, false};
const struct setting_kind kind_secret_file = {secret_file_read, text_write, pointer_said, false};
const struct setting_kind kind_zone = {zone_read, text_write, pointer_said, false};
const struct setting_kind kind_currency = {currency_read, text_write, pointer_said, false};
const struct setting_kind kind_price = {price_read, price_write, price_said, false};
const struct setting_kind kind_room = {room_read, room_write, NULL, false};
const struct setting_kind kind_command = {command_read, list_write, pointer_said, true};
const struct setting_kind kind_metrics_file = {metrics_file_read, text_write, pointer_said, false};
const struct setting_kind kind_free = {free_read, free_write, free_said, false};
