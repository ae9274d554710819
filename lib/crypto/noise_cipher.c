/* see noise_cipher.h and noise.h */
#include "noise_cipher.h"

#include <string.h>

#define NONCE_LAST UINT64_MAX /* for rekey only, sections 5.1 and 4.2 */

/* Section 12: 32 zero bits, then the counter: little-endian for ChaChaPoly, big for AESGCM. */
static void encode_nonce(uint8_t out[AEAD_NONCEBYTES], enum aead_alg alg, uint64_t n)
{
	memset(out, 0, AEAD_NONCEBYTES);
	for (int i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(n >> (alg == AEAD_AESGCM ? 56 - 8 * i : 8 * i));
}

int noise_cipher_init(struct noise_cipher *c, enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES])
{
	noise_cipher_free(c);
	return aead_init(&c->aead, alg, key) == 0 ? NOISE_OK : NOISE_E_UNBUILT;
}

int noise_cipher_seal_ad(struct noise_cipher *c, const uint8_t *ad, size_t adlen, const uint8_t *in,
    size_t n, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCEBYTES];

	if (c->aead.alg == AEAD_NONE)
		return NOISE_E_STATE;
	if (n > NOISE_MAXMSG - AEAD_TAGBYTES)
		return NOISE_E_LENGTH;
	if (c->n == NONCE_LAST)
		return NOISE_E_NONCE;
	encode_nonce(nonce, c->aead.alg, c->n);
	if (aead_seal(&c->aead, nonce, ad, adlen, in, n, out) != 0)
		return NOISE_E_LIBRARY;
	c->n++;
	return NOISE_OK;
}

static int open_checked(struct noise_cipher *c, const uint8_t *ad, size_t adlen, const uint8_t *in,
    size_t n, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCEBYTES];

	if (c->aead.alg == AEAD_NONE)
		return NOISE_E_STATE;
	if (n > NOISE_MAXMSG)
		return NOISE_E_LENGTH;
	if (c->n == NONCE_LAST)
		return NOISE_E_NONCE;
	encode_nonce(nonce, c->aead.alg, c->n);
	if (aead_open(&c->aead, nonce, ad, adlen, in, n, out) != 0)
		return NOISE_E_DECRYPT;
	c->n++;
	return NOISE_OK;
}

int noise_cipher_open_ad(struct noise_cipher *c, const uint8_t *ad, size_t adlen, const uint8_t *in,
    size_t n, uint8_t *out)
{
	int r;

	if (n < AEAD_TAGBYTES)
		return NOISE_E_LENGTH;
	r = open_checked(c, ad, adlen, in, n, out);
	if (r != NOISE_OK)
		secret_wipe(out, n - AEAD_TAGBYTES);
	return r;
}

int noise_cipher_seal(struct noise_cipher *c, const uint8_t *in, size_t n, uint8_t *out)
{
	return noise_cipher_seal_ad(c, NULL, 0, in, n, out);
}

int noise_cipher_open(struct noise_cipher *c, const uint8_t *in, size_t n, uint8_t *out)
{
	return noise_cipher_open_ad(c, NULL, 0, in, n, out);
}

int noise_cipher_rekey(struct noise_cipher *c)
{
	uint8_t buf[AEAD_KEYBYTES + AEAD_TAGBYTES] = {0}, nonce[AEAD_NONCEBYTES];
	enum aead_alg alg = c->aead.alg;
	int r = NOISE_OK;

	if (alg == AEAD_NONE)
		return NOISE_E_STATE;
	encode_nonce(nonce, alg, NONCE_LAST);
	if (aead_seal(&c->aead, nonce, NULL, 0, buf, AEAD_KEYBYTES, buf) != 0) {
		r = NOISE_E_LIBRARY;
		goto out;
	}
	aead_free(&c->aead);
	if (aead_init(&c->aead, alg, buf) != 0)
		r = NOISE_E_UNBUILT;
out:
	secret_wipe(buf, sizeof(buf));
	return r;
}

void noise_cipher_free(struct noise_cipher *c)
{
	aead_free(&c->aead);
	c->n = 0;
}
