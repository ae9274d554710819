/* see noise_symmetric.h */
#include "noise_symmetric.h"

#include <string.h>

int noise_symmetric_start(struct noise_handshake *hs)
{
	const size_t len = strlen(hs->protocol.name), hlen = hash_len(hs->protocol.hash);
	const uint8_t *name = (const uint8_t *)hs->protocol.name;

	if (len <= hlen)
		memcpy(hs->h, name, len);
	else if (hash_two(hs->protocol.hash, hs->h, name, len, NULL, 0) != 0)
		return NOISE_E_LIBRARY;
	memcpy(hs->ck, hs->h, hlen);
	return NOISE_OK;
}

int noise_symmetric_mix_hash(struct noise_handshake *hs, const uint8_t *data, size_t n)
{
	const enum hash_alg alg = hs->protocol.hash;

	return hash_two(alg, hs->h, hs->h, hash_len(alg), data, n) == 0 ? 0 : NOISE_E_LIBRARY;
}

int noise_symmetric_mix_key(struct noise_handshake *hs, const uint8_t *ikm, size_t n, bool and_hash)
{
	uint8_t key[HASH_MAX], extra[HASH_MAX];
	const enum hash_alg alg = hs->protocol.hash;
	int r = NOISE_E_LIBRARY;

	if (and_hash) {
		if (hash_hkdf(alg, hs->ck, ikm, n, hs->ck, extra, key) != 0)
			goto out;
		if (noise_symmetric_mix_hash(hs, extra, hash_len(alg)) != 0)
			goto out;
	} else if (hash_hkdf(alg, hs->ck, ikm, n, hs->ck, key, NULL) != 0)
		goto out;
	r = noise_cipher_init(&hs->cipher, hs->protocol.cipher, key);
	hs->have_k = r == NOISE_OK;
out:
	secret_wipe(key, sizeof(key));
	secret_wipe(extra, sizeof(extra));
	return r;
}

size_t noise_symmetric_sealed_len(const struct noise_handshake *hs, size_t n)
{
	return n + (hs->have_k ? AEAD_TAGBYTES : 0);
}

int noise_symmetric_encrypt(struct noise_handshake *hs, const uint8_t *in, size_t n, uint8_t *out)
{
	int r;

	if (hs->have_k) {
		r = noise_cipher_seal_ad(
		    &hs->cipher, hs->h, hash_len(hs->protocol.hash), in, n, out);
		if (r != NOISE_OK)
			return r;
	} else if (n)
		memmove(out, in, n);
	return noise_symmetric_mix_hash(hs, out, noise_symmetric_sealed_len(hs, n));
}

int noise_symmetric_decrypt(struct noise_handshake *hs, const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t ad[HASH_MAX];
	int r;

	/* Hashed first, so that the ciphertext may be overwritten by the plaintext. */
	memcpy(ad, hs->h, sizeof(ad));
	r = noise_symmetric_mix_hash(hs, in, n);
	if (r != NOISE_OK)
		return r;
	if (hs->have_k)
		return noise_cipher_open_ad(
		    &hs->cipher, ad, hash_len(hs->protocol.hash), in, n, out);
	if (n)
		memmove(out, in, n);
	return NOISE_OK;
}

int noise_symmetric_split(
    struct noise_handshake *hs, struct noise_cipher *first, struct noise_cipher *second)
{
	uint8_t k1[HASH_MAX], k2[HASH_MAX];
	const enum aead_alg alg = hs->protocol.cipher;
	int r = NOISE_E_LIBRARY;

	if (hash_hkdf(hs->protocol.hash, hs->ck, NULL, 0, k1, k2, NULL) == 0)
		r = noise_cipher_init(first, alg, k1);
	if (r == NOISE_OK)
		r = noise_cipher_init(second, alg, k2);
	if (r != NOISE_OK)
		noise_cipher_free(first);
	secret_wipe(k1, sizeof(k1));
	secret_wipe(k2, sizeof(k2));
	return r;
}
