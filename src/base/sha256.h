/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sha256: SHA-256 through OpenSSL's EVP, and lower-case hex.
 *
 * Floor: base.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>

enum { SHA256_SIZE = 32, SHA256_HEX_SIZE = 65 };

/* The digest of length bytes. */
void sha256_digest(const void *bytes, size_t length, unsigned char out[SHA256_SIZE]);

/* The digest as 64 hex digits and a NUL. */
void sha256_hex(const void *bytes, size_t length, char out[SHA256_HEX_SIZE]);

/* The digest of bytes that come one after the other: sha256_start, sha256_add as often as needed,
 * and sha256_end, which frees it; out may be NULL when the digest is not wanted any more. */
struct sha256;
struct sha256 *sha256_start(void) __attribute__((returns_nonnull));
void sha256_add(struct sha256 *sha256, const void *bytes, size_t length);
void sha256_end(struct sha256 *sha256, unsigned char out[SHA256_SIZE]);

/* size bytes as lower-case hex digits and a NUL; out has 2 * size + 1 bytes. */
void hex_write(const unsigned char *bytes, size_t size, char *out);

/* Reads 2 * size lower-case hex digits from text, which may go on after them. Returns whether all
 * were digits; *bytes is undefined if not. */
bool hex_read(const char *text, unsigned char *bytes, size_t size);

#endif
