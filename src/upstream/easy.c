/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * easy: what every request of ours asks of libcurl: security, connections, time-outs, headers.
 */
#include "upstream/easy.h"

#include <config.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct number_option {
    CURLoption option;
    long value;
};

struct text_option {
    CURLoption option;
    const char *value;
};

static const struct number_option fixed_numbers[] = {
    {CURLOPT_NOSIGNAL, 1}, /* no SIGALRM; SIGPIPE is the program's to ignore */
    {CURLOPT_NOPROGRESS, 1},
    {CURLOPT_FOLLOWLOCATION, 0}, /* a redirect would take the key and the prompt elsewhere */
    {CURLOPT_UNRESTRICTED_AUTH, 0},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
    {CURLOPT_HTTP09_ALLOWED, 0},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_PROXY_SSL_VERIFYPEER, 1},
    {CURLOPT_PROXY_SSL_VERIFYHOST, 2},
    {CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_HEADEROPT, CURLHEADER_SEPARATE}, /* the key is not for the one who tunnels */
    {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},    /* nor are its words an answer */
    /* An answer may take minutes without a byte; NAT forgets silent connections after one. */
    {CURLOPT_TCP_KEEPALIVE, 1},
    {CURLOPT_TCP_KEEPIDLE, 30},
    {CURLOPT_TCP_KEEPINTVL, 30},
    /* A load balancer that moved must be noticed though connections never rest: seconds. */
    {CURLOPT_MAXLIFETIME_CONN, 3600},
    {CURLOPT_UPLOAD_BUFFERSIZE, 16384}, /* 64 KiB a request would add up */
};

static const struct text_option fixed_texts[] = {
    {CURLOPT_NOPROXY, ""}, /* whatever the environment says */
    {CURLOPT_PROTOCOLS_STR, "http,https"},
    {CURLOPT_USERAGENT, "llmspool/" PACKAGE_VERSION},
};

static int url_problem(struct error *error, const char *problem)
{
    error_set(error, ERROR_DATA, "the URL cannot be used: %s", problem);
    return -1;
}

static int url_scheme(CURLU *url, bool *tls, struct error *error)
{
    char *scheme = NULL;
    CURLUcode code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
    if (code != CURLUE_OK)
        return url_problem(error, curl_url_strerror(code));
    bool https = strcmp(scheme, "https") == 0;
    bool good = https || strcmp(scheme, "http") == 0;
    curl_free(scheme);
    if (!good)
        return url_problem(error, "it begins neither with https:// nor with http://");
    if (tls != NULL)
        *tls = https;
    return 0;
}

int easy_check_url(const char *url, bool *tls, struct error *error)
{
    CURLU *parsed = curl_url();
    if (parsed == NULL)
        return url_problem(error, "out of memory");
    int result;
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER);
    if (code == CURLUE_USER_NOT_ALLOWED)
        result = url_problem(error, "it holds a user or password");
    else if (code == CURLUE_BAD_SCHEME || code == CURLUE_UNSUPPORTED_SCHEME)
        result = url_problem(error, "it begins neither with https:// nor with http://");
    else if (code != CURLUE_OK)
        result = url_problem(error, curl_url_strerror(code));
    else
        result = url_scheme(parsed, tls, error);
    curl_url_cleanup(parsed);
    return result;
}

static int easy_problem(struct error *error, CURLcode code)
{
    error_set(error, ERROR_SYSTEM, "libcurl refuses an option: %s", curl_easy_strerror(code));
    return -1;
}

/* A request waits for minutes with this much and reads a few KiB in the end. */
static CURLcode easy_buffer(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 1024L);
}

bool easy_reset(CURL *easy)
{
    curl_easy_reset(easy);
    return easy_buffer(easy) == CURLE_OK;
}

static CURLcode easy_fix(CURL *easy)
{
    CURLcode code = easy_buffer(easy);
    for (size_t i = 0; i < COUNT(fixed_numbers) && code == CURLE_OK; i++)
        code = curl_easy_setopt(easy, fixed_numbers[i].option, fixed_numbers[i].value);
    for (size_t i = 0; i < COUNT(fixed_texts) && code == CURLE_OK; i++)
        code = curl_easy_setopt(easy, fixed_texts[i].option, fixed_texts[i].value);
    return code;
}

/* HTTP/2 only where TLS negotiates it. There, the first connection is waited for, so that a burst
 * shares it; without TLS libcurl would wait for a whole answer before it opens a second one. */
static CURLcode easy_version(CURL *easy, bool tls)
{
    CURLcode code =
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                         tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L);
    return code;
}

static long timeout_clamped(int64_t ms)
{
    return ms <= 0 ? 0 : ms > INT_MAX ? INT_MAX : (long)ms;
}

/* Trusted is what the file holds and nothing beside it: libcurl would add the system's folder. */
static CURLcode easy_trust(CURL *easy, const char *ca_file)
{
    static const CURLoption files[] = {CURLOPT_CAINFO, CURLOPT_PROXY_CAINFO};
    static const CURLoption folders[] = {CURLOPT_CAPATH, CURLOPT_PROXY_CAPATH};
    CURLcode code = CURLE_OK;
    for (size_t i = 0; ca_file != NULL && i < COUNT(files) && code == CURLE_OK; i++) {
        code = curl_easy_setopt(easy, files[i], ca_file);
        if (code == CURLE_OK)
            code = curl_easy_setopt(easy, folders[i], NULL);
    }
    return code;
}

/* A NULL would leave some of these to the environment. */
static CURLcode easy_texts(CURL *easy, const struct transfer_request *request)
{
    const struct text_option texts[] = {
        {CURLOPT_URL, request->url},
        {CURLOPT_PROXY, request->proxy != NULL ? request->proxy : ""},
        /* "": all that libcurl can undo; the bound counts what comes out */
        {CURLOPT_ACCEPT_ENCODING, request->identity ? "identity" : ""},
        {CURLOPT_SSLCERT, request->client_cert},
        {CURLOPT_SSLKEY, request->client_key},
    };
    CURLcode code = CURLE_OK;
    for (size_t i = 0; i < COUNT(texts) && code == CURLE_OK; i++)
        code = curl_easy_setopt(easy, texts[i].option, texts[i].value);
    return code;
}

static CURLcode easy_times(CURL *easy, const struct transfer_request *request)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                                     timeout_clamped(request->connect_timeout_ms));
    if (code == CURLE_OK)
        code =
            curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_clamped(request->total_timeout_ms));
    return code;
}

static CURLcode easy_body(CURL *easy, const struct buffer *body)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POST, 1L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->length);
    if (code == CURLE_OK && body->length == 0)
        /* Nothing to read back means nothing keeps libcurl from sending it twice on an old one. */
        code = curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    return code;
}

int easy_prepare(CURL *easy, const struct transfer_request *request, const char *ca_file,
                 struct error *error)
{
    bool tls;
    if (easy_check_url(request->url, &tls, error) == -1)
        return -1;
    CURLcode code = easy_fix(easy);
    if (code == CURLE_OK)
        code = easy_version(easy, tls);
    if (code == CURLE_OK)
        code = easy_texts(easy, request);
    if (code == CURLE_OK)
        code = easy_trust(easy, request->ca_file != NULL ? request->ca_file : ca_file);
    if (code == CURLE_OK)
        code = easy_times(easy, request);
    if (code == CURLE_OK && request->body != NULL)
        code = easy_body(easy, request->body);
    return code == CURLE_OK ? 0 : easy_problem(error, code);
}

/* A token, a colon, and nothing that could begin a header of its own (RFC 9110, 5.5). */
static bool header_good(const char *header)
{
    size_t name = strcspn(header, ":");
    if (name == 0 || header[name] != ':' || strcspn(header, " \t") < name)
        return false;
    for (const char *at = header; *at != '\0'; at++) {
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
            return false;
    }
    return true;
}

static int header_append(struct curl_slist **list, const char *header, struct error *error)
{
    if (!header_good(header)) {
        int name = strchr(header, ':') != NULL ? (int)strcspn(header, ": \t\r\n") : 0;
        error_set(error, ERROR_DATA,
                  "the header \"%.*s\" cannot be sent: it has no name or holds control characters",
                  name, header);
        return -1;
    }
    struct curl_slist *longer = curl_slist_append(*list, header);
    if (longer == NULL) {
        error_set(error, ERROR_SYSTEM, "out of memory for the headers of a request");
        return -1;
    }
    *list = longer;
    return 0;
}

struct curl_slist *easy_headers(const struct transfer_request *request, struct error *error)
{
    struct curl_slist *list = NULL;
    /* Without this libcurl waits up to a second for a 100 before it sends a large body. */
    int failed = header_append(&list, "Expect:", error);
    if (failed == 0 && request->secret_header != NULL)
        failed = header_append(&list, request->secret_header, error);
    for (size_t i = 0; failed == 0 && request->headers != NULL && request->headers[i] != NULL; i++)
        failed = header_append(&list, request->headers[i], error);
    if (failed == 0)
        return list;
    easy_headers_free(list);
    return NULL;
}

void easy_headers_free(struct curl_slist *headers)
{
    for (struct curl_slist *at = headers; at != NULL; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_slist_free_all(headers);
}
