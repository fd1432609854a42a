/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libarchive: see libarchive.h. */
#include "retain/libarchive.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define LIBRARY "libarchive.so.13" /* of libarchive 3 */

static struct libarchive loaded; /* written once, before it is read */

static void must(bool fine)
{
    if (!fine) {
        fprintf(stderr, "%s: archives cannot be read: %s (Debian package: libarchive13)\n",
                program_invocation_short_name, dlerror());
        exit(EX_OSERR);
    }
}

static void load(void)
{
    static const struct {
        const char *name;
        void *place;
    } functions[] = {
#define FUNCTION(name) {"archive_" #name, &loaded.name},
        LIBARCHIVE_FUNCTIONS(FUNCTION)
#undef FUNCTION
    };
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    must(library != NULL);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym(library, functions[i].name);

        must(function != NULL);
        memcpy(functions[i].place, &function, sizeof function); /* ISO C knows no such conversion */
    }
}

const struct libarchive *libarchive(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (pthread_once(&once, load) != 0) {
        abort(); /* it has no errors */
    }
    return &loaded;
}
