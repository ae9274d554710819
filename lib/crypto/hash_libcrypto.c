/* see hash_libcrypto.h */
#include "hash_libcrypto.h"

#if WITH_LIBCRYPTO

#include <openssl/evp.h>

#include "libcrypto.h"

bool hash_libcrypto_available(void)
{
	return true;
}

int hash_libcrypto_blake2s(uint8_t out[32], const struct hash_part *parts, size_t count)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -1;

	if (!ctx)
		return -1;
	libcrypto_start();
	if (EVP_DigestInit_ex(ctx, EVP_blake2s256(), NULL) != 1)
		goto out;
	for (size_t i = 0; i < count; i++)
		if (parts[i].n && EVP_DigestUpdate(ctx, parts[i].data, parts[i].n) != 1)
			goto out;
	if (EVP_DigestFinal_ex(ctx, out, NULL) == 1)
		r = 0;
out:
	EVP_MD_CTX_free(ctx);
	return r;
}

#else

bool hash_libcrypto_available(void)
{
	return false;
}

int hash_libcrypto_blake2s(uint8_t out[32], const struct hash_part *parts, size_t count)
{
	(void)out, (void)parts, (void)count;
	return -1;
}

#endif
