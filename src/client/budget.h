/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * budget: whether money is in the way of a job: which of the reasons that the daemon tells is its.
 *
 * Floor: client. status.json counts the jobs of a reason and does not name them; whose a budget is,
 * its reason says.
 */
#ifndef CLIENT_BUDGET_H
#define CLIENT_BUDGET_H

#include <jansson.h>

#include "spool/spool.h"

/* A job, as far as budgets know it. Texts are borrowed; NULL: none. */
struct budget_subject {
    const struct id *id;
    const char *model;
    const char *provider; /* that the job asks for */
    const char *user;
};

/* The reason of status that holds the job for money ("budget: 10.00 USD a day for user alice used
 * up until …", "no price for m under a budget: …"), borrowed from it; NULL: none does. runs is an
 * object in which the jobs of runs are kept from one call to the next. */
const char *budget_reason(const struct spool *spool, const json_t *status,
                          const struct budget_subject *subject, json_t *runs);

#endif
