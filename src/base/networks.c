/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * networks: a list of networks that open what is closed otherwise.
 */
#include "base/networks.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"

int networks_read(char *const *texts, struct networks *networks, struct error *error)
{
    size_t count = 0;
    while (texts != NULL && texts[count] != NULL)
        count++;
    *networks = (struct networks){.list = xcalloc(count + 1, sizeof *networks->list)};
    for (; networks->count < count; networks->count++) {
        if (network_read(texts[networks->count], &networks->list[networks->count], error) == -1) {
            networks_clear(networks);
            return -1;
        }
    }
    return 0;
}

void networks_clear(struct networks *networks)
{
    free(networks->list);
    *networks = (struct networks){0};
}

static bool is_single(const struct network *network)
{
    return network->prefix == (network->family == 4 ? 32 : 128);
}

const struct network_special *networks_closed(const struct networks *networks,
                                              const struct network *address)
{
    const struct network_special *special = network_special(address);
    struct network inner;
    bool opened = special == NULL;
    for (size_t i = 0; !opened && i < networks->count; i++) {
        const struct network *network = &networks->list[i];
        if (!network_holds(network, address))
            continue;
        if (is_single(network))
            return NULL;
        opened = !special->single;
    }
    if (!opened)
        return special;
    return network_inner(address, &inner) ? networks_closed(networks, &inner) : NULL;
}
