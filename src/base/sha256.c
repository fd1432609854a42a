/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sha256: SHA-256 through OpenSSL's EVP, and lower-case hex. */
#include "base/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

/* Fails without memory, or where the system's OpenSSL was set up without SHA-256. */
static void must(int result)
{
    if (result != 1) {
        fprintf(stderr, "%s: OpenSSL cannot compute SHA-256\n", program_invocation_short_name);
        exit(EX_OSERR);
    }
}

static EVP_MD *fetched; /* written once, before it is read */

static void fetch(void)
{
    fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(fetched != NULL);
}

/* The algorithm as OpenSSL's providers have it. EVP_sha256() is looked up among them for each digest,
 * which takes longer than digesting a small file. */
static const EVP_MD *algorithm(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    must(pthread_once(&once, fetch) == 0);
    return fetched;
}

void sha256_digest(const void *bytes, size_t length, unsigned char out[SHA256_SIZE])
{
    must(EVP_Digest(bytes, length, out, NULL, algorithm(), NULL));
}

/* An EVP_MD_CTX by another name. */
struct sha256 *sha256_start(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL ? EVP_DigestInit_ex(context, algorithm(), NULL) : 0);
    return (struct sha256 *)context;
}

void sha256_add(struct sha256 *sha256, const void *bytes, size_t length)
{
    must(EVP_DigestUpdate((EVP_MD_CTX *)sha256, bytes, length));
}

void sha256_end(struct sha256 *sha256, unsigned char out[SHA256_SIZE])
{
    if (out != NULL) {
        must(EVP_DigestFinal_ex((EVP_MD_CTX *)sha256, out, NULL));
    }
    EVP_MD_CTX_free((EVP_MD_CTX *)sha256);
}

void sha256_hex(const void *bytes, size_t length, char out[SHA256_HEX_SIZE])
{
    unsigned char digest[SHA256_SIZE];
    sha256_digest(bytes, length, digest);
    hex_write(digest, sizeof digest, out);
}

void hex_write(const unsigned char *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 0x0F];
    }
    out[2 * size] = '\0';
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool hex_read(const char *text, unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = digit_value(text[2 * i]);
        int low = high < 0 ? -1 : digit_value(text[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
