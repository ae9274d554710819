/* see hash.h */
#include "hash.h"

#include <string.h>

#include <sodium.h>

#include "hash_libcrypto.h"
#include "secret.h"

#define BLOCK_MAX 128

bool hash_available(enum hash_alg alg)
{
	switch (alg) {
	case HASH_SHA256:
	case HASH_SHA512:
	case HASH_BLAKE2B:
		return true;
	case HASH_BLAKE2S:
		return hash_libcrypto_available();
	case HASH_NONE:
		break;
	}
	return false;
}

size_t hash_len(enum hash_alg alg)
{
	switch (alg) {
	case HASH_SHA256:
	case HASH_BLAKE2S:
		return 32;
	case HASH_SHA512:
	case HASH_BLAKE2B:
		return 64;
	case HASH_NONE:
		break;
	}
	return 0;
}

/* All four functions have blocks of twice their output. */
static size_t block_len(enum hash_alg alg)
{
	return 2 * hash_len(alg);
}

static int sha256(uint8_t *out, const struct hash_part *parts, size_t count)
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < count; i++)
		crypto_hash_sha256_update(&state, parts[i].data, parts[i].n);
	crypto_hash_sha256_final(&state, out);
	secret_wipe(&state, sizeof(state));
	return 0;
}

static int sha512(uint8_t *out, const struct hash_part *parts, size_t count)
{
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	for (size_t i = 0; i < count; i++)
		crypto_hash_sha512_update(&state, parts[i].data, parts[i].n);
	crypto_hash_sha512_final(&state, out);
	secret_wipe(&state, sizeof(state));
	return 0;
}

static int blake2b(uint8_t *out, const struct hash_part *parts, size_t count)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, 64);
	for (size_t i = 0; i < count; i++)
		crypto_generichash_update(&state, parts[i].data, parts[i].n);
	crypto_generichash_final(&state, out, 64);
	secret_wipe(&state, sizeof(state));
	return 0;
}

/* out = HASH(parts, one after the other). The output is written last, so it may alias a part. */
static int hash_parts(enum hash_alg alg, uint8_t *out, const struct hash_part *parts, size_t count)
{
	int r = -1;

	switch (alg) {
	case HASH_SHA256:
		return sha256(out, parts, count);
	case HASH_SHA512:
		return sha512(out, parts, count);
	case HASH_BLAKE2B:
		return blake2b(out, parts, count);
	case HASH_BLAKE2S:
		r = hash_libcrypto_blake2s(out, parts, count);
		break;
	case HASH_NONE:
		break;
	}
	if (r != 0)
		secret_wipe(out, hash_len(alg));
	return r;
}

int hash_two(
    enum hash_alg alg, uint8_t *out, const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	const struct hash_part parts[] = {{a, an}, {b, bn}};

	return hash_parts(alg, out, parts, 2);
}

int hash_hmac(enum hash_alg alg, uint8_t *out, const uint8_t *key, size_t keylen, const uint8_t *a,
    size_t an, const uint8_t *b, size_t bn)
{
	uint8_t pad[BLOCK_MAX] = {0}, inner[HASH_MAX];
	const size_t block = block_len(alg), len = hash_len(alg);
	const struct hash_part first[] = {{pad, block}, {a, an}, {b, bn}};
	const struct hash_part second[] = {{pad, block}, {inner, len}};
	int r = -1;

	if (keylen > block) {
		secret_wipe(out, len);
		return -1;
	}
	if (keylen)
		memcpy(pad, key, keylen);
	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36;
	if (hash_parts(alg, inner, first, 3) != 0)
		goto out;
	for (size_t i = 0; i < block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	r = hash_parts(alg, out, second, 2);
out:
	if (r != 0)
		secret_wipe(out, len);
	secret_wipe(pad, sizeof(pad));
	secret_wipe(inner, sizeof(inner));
	return r;
}

int hash_hkdf(enum hash_alg alg, const uint8_t *ck, const uint8_t *ikm, size_t n, uint8_t *o1,
    uint8_t *o2, uint8_t *o3)
{
	static const uint8_t one = 1, two = 2, three = 3;
	const size_t len = hash_len(alg);
	uint8_t temp[HASH_MAX];
	int r;

	r = hash_hmac(alg, temp, ck, len, ikm, n, NULL, 0);
	if (r == 0)
		r = hash_hmac(alg, o1, temp, len, &one, 1, NULL, 0);
	if (r == 0)
		r = hash_hmac(alg, o2, temp, len, o1, len, &two, 1);
	if (r == 0 && o3)
		r = hash_hmac(alg, o3, temp, len, o2, len, &three, 1);
	if (r != 0) {
		secret_wipe(o1, len);
		secret_wipe(o2, len);
		if (o3)
			secret_wipe(o3, len);
	}
	secret_wipe(temp, sizeof(temp));
	return r;
}

uint64_t hash_short(const uint8_t key[HASH_SHORT_KEY], const void *data, size_t n)
{
	uint64_t h;

	(void)crypto_shorthash((uint8_t *)&h, data, n, key);
	return h;
}
