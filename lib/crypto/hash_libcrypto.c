/* see hash_libcrypto.h */
#include "hash_libcrypto.h"

#if WITH_LIBCRYPTO

#include "libcrypto.h"

bool hash_libcrypto_available(void)
{
	return libcrypto() != NULL;
}

void hash_libcrypto_prepare(void)
{
	(void)libcrypto();
}

int hash_libcrypto_blake2s(uint8_t out[32], const struct hash_part *parts, size_t count)
{
	const struct libcrypto *c = libcrypto();
	EVP_MD_CTX *ctx = c ? c->EVP_MD_CTX_new() : NULL;
	int r = -1;

	if (!ctx)
		return -1;
	if (c->EVP_DigestInit_ex(ctx, c->EVP_blake2s256(), NULL) != 1)
		goto out;
	for (size_t i = 0; i < count; i++)
		if (parts[i].n && c->EVP_DigestUpdate(ctx, parts[i].data, parts[i].n) != 1)
			goto out;
	if (c->EVP_DigestFinal_ex(ctx, out, NULL) == 1)
		r = 0;
out:
	c->EVP_MD_CTX_free(ctx);
	return r;
}

#else

bool hash_libcrypto_available(void)
{
	return false;
}

void hash_libcrypto_prepare(void)
{
}

int hash_libcrypto_blake2s(uint8_t out[32], const struct hash_part *parts, size_t count)
{
	(void)out, (void)parts, (void)count;
	return -1;
}

#endif
