/* see dh_libcrypto.h */
#include "dh_libcrypto.h"

#if WITH_LIBCRYPTO

#include <openssl/evp.h>

#include "libcrypto.h"

#define BYTES DH_LIBCRYPTO_X448BYTES

bool dh_libcrypto_available(void)
{
	return true;
}

int dh_libcrypto_x448_public(uint8_t out[BYTES], const uint8_t sec[BYTES])
{
	EVP_PKEY *key;
	size_t len = BYTES;
	int r = -1;

	libcrypto_start();
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X448, NULL, sec, BYTES);
	if (!key)
		return -1;
	if (EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == BYTES)
		r = 0;
	EVP_PKEY_free(key);
	return r;
}

static int derive(uint8_t *out, EVP_PKEY_CTX *ctx, EVP_PKEY *peer)
{
	size_t len = BYTES;

	if (EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1)
		return -1;
	return EVP_PKEY_derive(ctx, out, &len) == 1 && len == BYTES ? 0 : -1;
}

int dh_libcrypto_x448_shared(uint8_t out[BYTES], const uint8_t sec[BYTES], const uint8_t pub[BYTES])
{
	EVP_PKEY *key = NULL, *peer = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	int r = -1;

	libcrypto_start();
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X448, NULL, sec, BYTES);
	if (!key)
		return -1;
	peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X448, NULL, pub, BYTES);
	if (!peer)
		goto free_key;
	ctx = EVP_PKEY_CTX_new(key, NULL);
	if (!ctx)
		goto free_peer;
	r = derive(out, ctx, peer);
	EVP_PKEY_CTX_free(ctx);
free_peer:
	EVP_PKEY_free(peer);
free_key:
	EVP_PKEY_free(key);
	return r;
}

#else

bool dh_libcrypto_available(void)
{
	return false;
}

int dh_libcrypto_x448_public(
    uint8_t out[DH_LIBCRYPTO_X448BYTES], const uint8_t sec[DH_LIBCRYPTO_X448BYTES])
{
	(void)out, (void)sec;
	return -1;
}

int dh_libcrypto_x448_shared(uint8_t out[DH_LIBCRYPTO_X448BYTES],
    const uint8_t sec[DH_LIBCRYPTO_X448BYTES], const uint8_t pub[DH_LIBCRYPTO_X448BYTES])
{
	(void)out, (void)sec, (void)pub;
	return -1;
}

#endif
