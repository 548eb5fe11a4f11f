/* SPDX-License-Identifier: GPL-2.0 */
/* SHA-256 of a stream of bytes. */
#ifndef PAGEWIRE_TOOLS_HASH_H
#define PAGEWIRE_TOOLS_HASH_H

#include <stddef.h>
#include <nettle/sha2.h>

#define HASH_HEX_SIZE (2 * SHA256_DIGEST_SIZE + 1)

struct hash {
	struct sha256_ctx ctx;
};

void hash_start(struct hash *hash);
void hash_add(struct hash *hash, const void *bytes, size_t length);

/* Writes the digest in hexadecimal, with its terminating zero. */
void hash_end(struct hash *hash, char hex[HASH_HEX_SIZE]);

#endif
