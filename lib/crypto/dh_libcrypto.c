/* see dh_libcrypto.h */
#include "dh_libcrypto.h"

#if WITH_LIBCRYPTO

#include "libcrypto.h"

#define BYTES DH_LIBCRYPTO_X448BYTES

bool dh_libcrypto_available(void)
{
	return libcrypto() != NULL;
}

void dh_libcrypto_prepare(void)
{
	(void)libcrypto();
}

int dh_libcrypto_x448_public(uint8_t out[BYTES], const uint8_t sec[BYTES])
{
	const struct libcrypto *c = libcrypto();
	EVP_PKEY *key;
	size_t len = BYTES;
	int r = -1;

	if (!c)
		return -1;
	key = c->EVP_PKEY_new_raw_private_key(EVP_PKEY_X448, NULL, sec, BYTES);
	if (!key)
		return -1;
	if (c->EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == BYTES)
		r = 0;
	c->EVP_PKEY_free(key);
	return r;
}

static int derive(const struct libcrypto *c, uint8_t *out, EVP_PKEY_CTX *ctx, EVP_PKEY *peer)
{
	size_t len = BYTES;

	if (c->EVP_PKEY_derive_init(ctx) != 1 || c->EVP_PKEY_derive_set_peer(ctx, peer) != 1)
		return -1;
	return c->EVP_PKEY_derive(ctx, out, &len) == 1 && len == BYTES ? 0 : -1;
}

int dh_libcrypto_x448_shared(uint8_t out[BYTES], const uint8_t sec[BYTES], const uint8_t pub[BYTES])
{
	const struct libcrypto *c = libcrypto();
	EVP_PKEY *key = NULL, *peer = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	int r = -1;

	if (!c)
		return -1;
	key = c->EVP_PKEY_new_raw_private_key(EVP_PKEY_X448, NULL, sec, BYTES);
	if (!key)
		return -1;
	peer = c->EVP_PKEY_new_raw_public_key(EVP_PKEY_X448, NULL, pub, BYTES);
	if (!peer)
		goto free_key;
	ctx = c->EVP_PKEY_CTX_new(key, NULL);
	if (!ctx)
		goto free_peer;
	r = derive(c, out, ctx, peer);
	c->EVP_PKEY_CTX_free(ctx);
free_peer:
	c->EVP_PKEY_free(peer);
free_key:
	c->EVP_PKEY_free(key);
	return r;
}

#else

bool dh_libcrypto_available(void)
{
	return false;
}

void dh_libcrypto_prepare(void)
{
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
