/* SPDX-License-Identifier: GPL-2.0 */
/* SHA-256 of a stream of bytes. */
#ifndef PAGEWIRE_TOOLS_HASH_H
#define PAGEWIRE_TOOLS_HASH_H

#include <stddef.h>

#define HASH_HEX_SIZE (2 * 32 + 1)

struct hash;

/* Never NULL: without memory the program ends. */
struct hash *hash_start(void);
void hash_add(struct hash *hash, const void *bytes, size_t length);

/* Writes the digest in hexadecimal, with its terminating zero, and frees @hash. */
void hash_end(struct hash *hash, char hex[HASH_HEX_SIZE]);

#endif
