/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errors_anthropic: what the errors of Anthropic's Messages mean.
 *
 * By type and, before it, by details.error_code: an error of the same type and status may pass or
 * last. Texts decide only where 400 stands for an account's trouble, which has no code of its own.
 */
#include "provider/classify.h"

#define RAMP_WAIT_MS 15000 /* the limit on growing too fast looks back over a minute or so */

/* clang-format off */
const struct error_rule anthropic_errors[] = {
    /* details.error_code */
    {0, 999, "enforced_spend_limit_reached", ERROR_LASTING("spend limit reached")},
    {0, 999, "contract_spend_limit_reached", ERROR_LASTING("spend limit reached")},
    {0, 999, "organization_on_hold", ERROR_LASTING("account on hold")},
    {0, 999, "ramp_limit_exceeded", .outcome = ERROR_THROTTLED, .wait_ms = RAMP_WAIT_MS},
    {0, 999, "request_body_too_large_after_decoding", .outcome = ERROR_JOB},

    /* 400s that are the account's. */
    {400, 400, .said = "credit balance is too low", ERROR_LASTING("no quota")},
    {400, 400, .said = "reached your specified API usage limits", ERROR_LASTING("spend limit reached")},
    {400, 400, .said = "organization has been disabled", ERROR_LASTING("account closed")},

    /* Overload, whatever its type. */
    {503, 503, .outcome = ERROR_THROTTLED},

    /* Types */
    {0, 999, "authentication_error", ERROR_LASTING("key refused")},
    {0, 999, "billing_error", ERROR_LASTING("no quota")},
    {0, 999, "permission_error", ERROR_MODEL("access refused")},
    {0, 999, "not_found_error", ERROR_MODEL("model not found")},
    {0, 999, "request_too_large", .outcome = ERROR_JOB},
    {0, 999, "rate_limit_error", .outcome = ERROR_THROTTLED},
    {0, 999, "overloaded_error", .outcome = ERROR_THROTTLED},
    {0, 999, "conflict_error", .outcome = ERROR_TRANSIENT},
    {0, 999, "timeout_error", .outcome = ERROR_TRANSIENT},
    {0, 999, "api_error", .outcome = ERROR_TRANSIENT},
    {0, 999, "invalid_request_error", .outcome = ERROR_JOB},
    ERROR_RULES_END,
};
/* clang-format on */
