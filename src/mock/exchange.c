/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange: what is shared, and the end of an exchange. */
#include "mock/exchange.h"

struct settings *mock_settings(struct mock *mock)
{
    struct settings *settings;

    (void)pthread_mutex_lock(&mock->lock);
    settings = settings_hold(mock->settings);
    (void)pthread_mutex_unlock(&mock->lock);
    return settings;
}

void mock_publish(struct mock *mock, struct settings *settings)
{
    struct settings *old;

    (void)pthread_mutex_lock(&mock->lock);
    old = mock->settings;
    mock->settings = settings;
    (void)pthread_mutex_unlock(&mock->lock);
    room_set_slots(mock->room, settings->slots);
    settings_drop(old);
}

const unsigned char *exchange_key(const struct exchange *exchange)
{
    return exchange->known ? exchange->digest : NULL;
}

void exchange_settle(struct exchange *exchange, bool delivered)
{
    if (!exchange->flying) {
        return;
    }
    exchange->flying = false;
    ledger_release(exchange->mock->ledger);
    room_leave(exchange->mock->room, &exchange->guest);
    if (delivered && exchange->reply.good) {
        ledger_answer(exchange->mock->ledger, exchange_key(exchange), exchange->arrived_us, 1);
        exchange->answered = true;
    }
}
