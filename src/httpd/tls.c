/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls: see tls.h. */
#include "httpd/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "spool/file.h"

enum {
    CHAIN_MAX = 16,
    FILE_LIMIT = 1024 * 1024, /* bytes */
    /* A handshake may still hold what it was given; none lasts so long. */
    KEPT_MS = 3 * 60 * 60 * 1000,
};

/* One chain and its key. */
struct identity {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned length;
    gnutls_privkey_t key;
    struct mono replaced;
    struct identity *older;
};

struct tls {
    char *certificate, *key;
    const struct clock *clock;
    struct identity *now;
};

/* --- reading --- */

static void identity_free(struct identity *identity)
{
    for (unsigned i = 0; i < identity->length; i++)
        gnutls_pcert_deinit(&identity->chain[i]);
    if (identity->key != NULL)
        gnutls_privkey_deinit(identity->key);
    free(identity);
}

static int read_pem(const char *path, const char *what, struct buffer *text, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int failed = fd < 0 ? -errno : file_read(fd, FILE_LIMIT, text);

    if (fd >= 0)
        (void)close(fd); /* was only read */
    if (failed != 0)
        error_system(error, -failed, "the %s %s cannot be read", what, path);
    if (failed == -ENOENT && error != NULL)
        error->kind = ERROR_ABSENT;
    return failed == 0 ? 0 : -1;
}

static void wipe(struct buffer *text)
{
    if (text->bytes != NULL)
        explicit_bzero(text->bytes, text->length);
    buffer_free(text);
}

static gnutls_datum_t as_datum(const struct buffer *text)
{
    return (gnutls_datum_t){(unsigned char *)text->bytes, (unsigned)text->length};
}

static int read_chain(const struct tls *tls, struct identity *identity, struct error *error)
{
    struct buffer text = {0};
    gnutls_datum_t datum;
    unsigned length = CHAIN_MAX;
    int failed;

    if (read_pem(tls->certificate, "certificate", &text, error) < 0)
        return -1;
    datum = as_datum(&text);
    failed =
        gnutls_pcert_list_import_x509_raw(identity->chain, &length, &datum, GNUTLS_X509_FMT_PEM, 0);
    buffer_free(&text);
    if (failed < 0) {
        error_set(error, ERROR_DATA, "%s is no chain of PEM certificates: %s", tls->certificate,
                  gnutls_strerror(failed));
        return -1;
    }
    identity->length = length;
    return 0;
}

static int read_key(const struct tls *tls, struct identity *identity, struct error *error)
{
    struct buffer text = {0};
    gnutls_datum_t datum;
    int failed;

    if (read_pem(tls->key, "key", &text, error) < 0)
        return -1;
    datum = as_datum(&text);
    failed = gnutls_privkey_init(&identity->key);
    if (failed >= 0)
        failed =
            gnutls_privkey_import_x509_raw(identity->key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
    wipe(&text);
    if (failed < 0)
        error_set(error, ERROR_DATA, "%s is no PEM key without a password: %s", tls->key,
                  gnutls_strerror(failed));
    return failed < 0 ? -1 : 0;
}

static gnutls_sign_algorithm_t sign_algorithm(gnutls_privkey_t key)
{
    gnutls_pk_algorithm_t kind = (gnutls_pk_algorithm_t)gnutls_privkey_get_pk_algorithm(key, NULL);

    if (kind == GNUTLS_PK_EDDSA_ED25519)
        return GNUTLS_SIGN_EDDSA_ED25519;
    if (kind == GNUTLS_PK_EDDSA_ED448)
        return GNUTLS_SIGN_EDDSA_ED448;
    return gnutls_pk_to_sign(kind, GNUTLS_DIG_SHA256);
}

/* Both are replaced one after the other when they are renewed: in between they do not fit. So the
 * key signs something, which the certificate has to confirm. */
static int check_pair(const struct tls *tls, const struct identity *identity, struct error *error)
{
    static const unsigned char sample[] = "llmspool";
    gnutls_datum_t data = {(unsigned char *)(uintptr_t)sample, sizeof sample - 1};
    gnutls_datum_t signature = {0};
    gnutls_sign_algorithm_t sign = sign_algorithm(identity->key);
    int failed = gnutls_privkey_sign_data2(identity->key, sign, 0, &data, &signature);

    if (failed >= 0)
        failed = gnutls_pubkey_verify_data2(identity->chain[0].pubkey, sign, 0, &data, &signature);
    gnutls_free(signature.data);
    if (failed >= 0)
        return 0;
    error_set(error, ERROR_DATA, "the key %s is not that of the certificate %s", tls->key,
              tls->certificate);
    return -1;
}

static struct identity *identity_read(const struct tls *tls, struct error *error)
{
    struct identity *identity = xcalloc(1, sizeof *identity);

    if (read_chain(tls, identity, error) < 0 || read_key(tls, identity, error) < 0 ||
        check_pair(tls, identity, error) < 0) {
        identity_free(identity);
        return NULL;
    }
    return identity;
}

/* --- in use --- */

struct tls *tls_open(const char *certificate, const char *key, const struct clock *clock,
                     struct error *error)
{
    struct tls *tls = xmalloc(sizeof *tls);

    *tls = (struct tls){.certificate = xstrdup(certificate), .key = xstrdup(key), .clock = clock};
    tls->now = identity_read(tls, error);
    if (tls->now != NULL)
        return tls;
    tls_close(tls);
    return NULL;
}

static void forget_old(struct tls *tls)
{
    struct identity **place = &tls->now->older;
    int64_t limit_ms = clock_mono(tls->clock).ms - KEPT_MS;

    while (*place != NULL) {
        struct identity *old = *place;

        if (old->replaced.ms > limit_ms) {
            place = &old->older;
            continue;
        }
        *place = old->older;
        identity_free(old);
    }
}

int tls_reload(struct tls *tls, struct error *error)
{
    struct identity *identity = identity_read(tls, error);

    if (identity == NULL)
        return -1;
    tls->now->replaced = clock_mono(tls->clock);
    identity->older = tls->now;
    tls->now = identity;
    forget_old(tls);
    return 0;
}

void tls_retrieve(const struct tls *tls, gnutls_pcert_st **chain, unsigned *length,
                  gnutls_privkey_t *key)
{
    *chain = tls->now->chain;
    *length = tls->now->length;
    *key = tls->now->key;
}

void tls_close(struct tls *tls)
{
    if (tls == NULL)
        return;
    while (tls->now != NULL) {
        struct identity *older = tls->now->older;

        identity_free(tls->now);
        tls->now = older;
    }
    free(tls->certificate);
    free(tls->key);
    free(tls);
}
