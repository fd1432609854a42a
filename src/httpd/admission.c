/* SPDX-License-Identifier: GPL-2.0-or-later */
/* admission: see admission.h. */
#include "httpd/admission.h"

#include <string.h>

#include "base/xalloc.h"
#include "httpd/connections.h"
#include "httpd/front.h"
#include "httpd/head.h"
#include "httpd/origin.h"
#include "httpd/request.h"
#include "httpd/sessions.h"
#include "httpd/tempo.h"
#include "httpd/tokens.h"

#define ALL_SCOPES (SCOPE_READ | SCOPE_SUBMIT | SCOPE_ADMIN)

const char *admission_cookie(const struct request *request)
{
    return request->front->secure ? "__Host-llmspool" : "llmspool-session";
}

/* --- are we meant, may that page ask --- */

static bool check_head(struct request *request, const struct head *head)
{
    if (head->wrong == NULL)
        return true;
    request_problem(request, MHD_HTTP_BAD_REQUEST, "bad-request", "%s", head->wrong);
    return false;
}

static bool check_host(struct request *request, const struct head *head)
{
    char from[PEER_TEXT_SIZE];
    char to[PEER_TEXT_SIZE];

    if (head->host == NULL || origins_own_host(request->front->origins, head->host, NULL))
        return true;
    connection_texts(request->connection, from, to);
    if (origins_own_host(request->front->origins, head->host, to))
        return true;
    request_problem(request, MHD_HTTP_MISDIRECTED_REQUEST, "host",
                    "this server is not called so; names that it has are listed by hosts in "
                    "llmspool-httpd.conf");
    return false;
}

static bool is_safe(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
           strcmp(method, "OPTIONS") == 0;
}

static bool check_origin(struct request *request, const struct head *head)
{
    const struct origin_claim claim = {
        .host = head->host,
        .origin = request_header(request, MHD_HTTP_HEADER_ORIGIN),
        .site = request_header(request, "Sec-Fetch-Site"),
        .mode = request_header(request, "Sec-Fetch-Mode"),
        .changes = !is_safe(request->method),
        .cookie = request->by_cookie,
        .bearer = request->token_id[0] != '\0' && !request->by_cookie,
    };
    const char *problem;

    request->cors = claim.origin != NULL && origins_cors(request->front->origins, claim.origin);
    if (request->cors && strcmp(request->method, "OPTIONS") == 0)
        return true;
    problem = origins_problem(request->front->origins, &claim);
    if (problem != NULL)
        request_problem(request, MHD_HTTP_FORBIDDEN, "origin", "%s", problem);
    return problem == NULL;
}

/* --- who is it --- */

static const struct token *find_session(struct request *request, struct wall now)
{
    const struct front *front = request->front;
    size_t length = 0;
    const char *secret = head_cookie(request_header(request, MHD_HTTP_HEADER_COOKIE),
                                     admission_cookie(request), &length);
    const char *id =
        secret != NULL ? sessions_find(front->sessions, secret, length, &request->session) : NULL;

    return id != NULL ? tokens_by_id(front->tokens, id, now) : NULL;
}

static void identify(struct request *request)
{
    const struct front *front = request->front;
    const char *credentials = request_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    const char *bearer = head_bearer(credentials);
    struct wall now = clock_wall(front->clock);
    const struct token *token;

    token = credentials == NULL ? find_session(request, now)
            : bearer != NULL    ? tokens_find(front->tokens, bearer, now)
                                : NULL;
    request->by_cookie = credentials == NULL && token != NULL;
    if (token == NULL)
        return;
    memcpy(request->token_id, token->id, sizeof request->token_id);
    request->own_user = xstrdup(token->user);
    request->caller.user = request->own_user;
    request->caller.scopes = token->scopes;
}

/* What a proxy on this machine passes on comes from anywhere. */
static bool is_passed_on(const struct request *request)
{
    static const char *const fields[] = {"Forwarded",        "X-Forwarded-For",
                                         "X-Forwarded-Host", "X-Forwarded-Proto",
                                         "X-Real-IP",        MHD_HTTP_HEADER_VIA};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (request_header(request, fields[i]) != NULL)
            return true;
    }
    return false;
}

static void find_caller(struct request *request, const struct peer *peer)
{
    if (tokens_asked(request->front->tokens))
        identify(request);
    else if (peer->loopback && !is_passed_on(request))
        request->caller.scopes = ALL_SCOPES;
}

/* --- may he, now --- */

/* Who has a token may come through a proxy on this machine. */
static bool check_tempo(struct request *request, const struct peer *peer)
{
    const struct front *front = request->front;
    bool known = request->token_id[0] != '\0';
    int64_t wait_ms;

    if (front->tempo == NULL ||
        (peer->loopback && !known && !front->options->limits.limit_loopback))
        return true;
    if (known)
        wait_ms = tempo_take(front->tempo, request->token_id, sizeof request->token_id);
    else
        wait_ms = tempo_take(front->tempo, peer->key, sizeof peer->key);
    if (wait_ms == 0)
        return true;
    request_add_header(request, MHD_HTTP_HEADER_RETRY_AFTER, "%lld",
                       (long long)(wait_ms + 999) / 1000);
    request_problem(request, MHD_HTTP_TOO_MANY_REQUESTS, "rate",
                    "more than %lld requests a second; wait as Retry-After says",
                    (long long)front->options->limits.rate);
    return false;
}

static const char *scope_word(enum scope scope)
{
    return scope == SCOPE_READ ? "read" : scope == SCOPE_SUBMIT ? "submit" : "admin";
}

void admission_refuse_stranger(struct request *request)
{
    bool tried = request_header(request, MHD_HTTP_HEADER_AUTHORIZATION) != NULL;

    if (!tokens_asked(request->front->tokens)) {
        request_problem(request, MHD_HTTP_FORBIDDEN, "forbidden",
                        "who comes through a proxy or from another machine needs a token, and "
                        "this server has no tokens file: llmspool-httpd --new-token USER");
        return;
    }
    request_add_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"llmspool\"%s",
                       tried ? ", error=\"invalid_token\"" : "");
    request_problem(request, MHD_HTTP_UNAUTHORIZED, "unauthorized", "%s",
                    tried ? "the token is unknown, revoked or has expired"
                          : "this needs a token: Authorization: Bearer TOKEN");
}

static bool check_scope(struct request *request)
{
    enum scope wanted = request->route != NULL ? request->route->scope : SCOPE_NONE;

    if (wanted == SCOPE_NONE || (request->caller.scopes & wanted) != 0)
        return true;
    if (request->caller.scopes == 0) {
        admission_refuse_stranger(request);
        return false;
    }
    request_add_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                       "Bearer realm=\"llmspool\", error=\"insufficient_scope\", scope=\"%s\"",
                       scope_word(wanted));
    request_problem(request, MHD_HTTP_FORBIDDEN, "forbidden", "the token lacks the scope %s",
                    scope_word(wanted));
    return false;
}

static bool check_length(struct request *request, const struct head *head)
{
    if (request->route == NULL || !head->has_length)
        return true;
    if (head->length > request_body_limit(request)) {
        request_problem(request, MHD_HTTP_CONTENT_TOO_LARGE, "too-large",
                        "the body has more than %zu bytes", request_body_limit(request));
        return false;
    }
    /* Whoever sends already hears of it better when he has sent. */
    if (!head->expects || request_room(request, (size_t)head->length))
        return true;
    request_no_room(request);
    return false;
}

/* --- CORS --- */

/* A preflight (Fetch, 4.8) asks what a request with these would be allowed, and carries no token.
 */
static bool answer_preflight(struct request *request)
{
    if (!request->cors || strcmp(request->method, "OPTIONS") != 0 ||
        request_header(request, "Access-Control-Request-Method") == NULL)
        return false;
    request_add_header(request, "Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE");
    request_add_header(request, "Access-Control-Allow-Headers",
                       "Authorization, Content-Type, Idempotency-Key, Last-Event-ID");
    request_add_header(request, "Access-Control-Max-Age", "600");
    request_reply(request, MHD_HTTP_NO_CONTENT, NULL, NULL);
    return true;
}

bool admission_judge(struct request *request, const struct head *head)
{
    const struct peer *peer = connection_peer(connection_of(request->connection));

    if (!check_head(request, head) || !check_host(request, head))
        return false;
    find_caller(request, peer);
    return check_origin(request, head) && check_tempo(request, peer) &&
           !answer_preflight(request) && check_scope(request) && check_length(request, head);
}

bool admission_holds(const struct request *request)
{
    const struct front *front = request->front;
    const struct caller *caller = &request->caller;
    const struct token *token;

    if (request->token_id[0] == '\0')
        return true;
    if (request->by_cookie && !sessions_has(front->sessions, request->session))
        return false;
    token = tokens_by_id(front->tokens, request->token_id, clock_wall(front->clock));
    return token != NULL && strcmp(token->user, caller->user) == 0 &&
           (token->scopes & caller->scopes) == caller->scopes;
}
