/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session: a browser gets a cookie for its token, is told who it is, and gives the cookie back. */
#include <microhttpd.h>
#include <string.h>

#include "httpd/admission.h"
#include "httpd/front.h"
#include "httpd/head.h"
#include "httpd/request.h"
#include "httpd/sessions.h"
#include "httpd/streams.h"
#include "httpd/tokens.h"

static json_t *scopes_json(unsigned scopes)
{
    json_t *list = json_array();

    if ((scopes & SCOPE_READ) != 0)
        json_array_append_new(list, json_string("read"));
    if ((scopes & SCOPE_SUBMIT) != 0)
        json_array_append_new(list, json_string("submit"));
    if ((scopes & SCOPE_ADMIN) != 0)
        json_array_append_new(list, json_string("admin"));
    return list;
}

static void tell_caller(struct request *request, unsigned status)
{
    request_json(request, status,
                 json_pack("{s:s?, s:o, s:b}", "user", request->caller.user, "scopes",
                           scopes_json(request->caller.scopes), "session", request->by_cookie));
}

/* Whoever needs no scope is asked for none by the route; a page wants to know all the same. */
static bool is_stranger(struct request *request)
{
    if (request->caller.scopes != 0)
        return false;
    admission_refuse_stranger(request);
    return true;
}

static void add_cookie(struct request *request, const char *value, int seconds)
{
    request_add_header(request, MHD_HTTP_HEADER_SET_COOKIE,
                       "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s",
                       admission_cookie(request), value, seconds,
                       request->front->secure ? "; Secure" : "");
}

static void get_session(struct request *request)
{
    if (!is_stranger(request))
        tell_caller(request, MHD_HTTP_OK);
}

/* Without tokens there is nothing that a cookie could stand for. */
static void post_session(struct request *request)
{
    char secret[SESSION_SECRET_SIZE];

    if (is_stranger(request))
        return;
    if (request->token_id[0] != '\0' && !request->by_cookie) {
        sessions_add(request->front->sessions, request->token_id, secret);
        add_cookie(request, secret, SESSION_S);
        explicit_bzero(secret, sizeof secret);
    }
    tell_caller(request, MHD_HTTP_OK);
}

static void delete_session(struct request *request)
{
    size_t length = 0;
    const char *secret = head_cookie(request_header(request, MHD_HTTP_HEADER_COOKIE),
                                     admission_cookie(request), &length);

    if (secret != NULL && sessions_end(request->front->sessions, secret, length))
        streams_judge(request->front->streams);
    add_cookie(request, "", 0);
    request_reply(request, MHD_HTTP_NO_CONTENT, NULL, NULL);
}

const struct route session_routes[] = {
    {"GET", "/v1/session", SCOPE_NONE, 0, get_session},
    {"POST", "/v1/session", SCOPE_NONE, 1024, post_session},
    {"DELETE", "/v1/session", SCOPE_NONE, 0, delete_session},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
