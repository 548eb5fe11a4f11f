// SPDX-License-Identifier: GPL-2.0

#include <stdio.h>
#include <stdlib.h>
#include <openssl/evp.h>

#include "cmd.h"
#include "hash.h"
#include "out.h"

struct hash {
	EVP_MD_CTX *context;
};

/* Only a lack of memory, or a libcrypto that forbids SHA-256, gets here. */
static void must(int ok)
{
	if (ok)
		return;
	out_error("recv --no-hash does without", "libcrypto won't do SHA-256");
	exit(EXIT_FAILED);
}

struct hash *hash_start(void)
{
	struct hash *hash = malloc(sizeof(*hash));

	must(hash != NULL);
	hash->context = EVP_MD_CTX_new();
	must(hash->context != NULL);
	must(EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL));
	return hash;
}

void hash_add(struct hash *hash, const void *bytes, size_t length)
{
	must(EVP_DigestUpdate(hash->context, bytes, length));
}

void hash_end(struct hash *hash, char hex[HASH_HEX_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length, i;

	must(EVP_DigestFinal_ex(hash->context, digest, &length));
	for (i = 0; i < length; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	EVP_MD_CTX_free(hash->context);
	free(hash);
}
