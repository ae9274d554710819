/* AES-256-GCM and ChaCha20-Poly1305 of OpenSSL's libcrypto; see aead_library.h. */
#include "aead_library.h"

#if WITH_LIBCRYPTO

#include <limits.h>
#include <string.h>

#include "libcrypto.h"

static const EVP_CIPHER *cipher_of(const struct libcrypto *c, enum aead_alg alg)
{
	switch (alg) {
	case AEAD_CHACHAPOLY:
		return c->EVP_chacha20_poly1305();
	case AEAD_AESGCM:
		return c->EVP_aes_256_gcm();
	case AEAD_NONE:
		break;
	}
	return NULL;
}

static bool serves(enum aead_alg alg)
{
	return alg != AEAD_NONE;
}

static int load(void)
{
	return libcrypto() ? 0 : -1;
}

static bool used;

static bool started(void)
{
	return used;
}

static void *make(enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES])
{
	const struct libcrypto *c = libcrypto();
	EVP_CIPHER_CTX *ctx = c ? c->EVP_CIPHER_CTX_new() : NULL;

	if (!ctx)
		return NULL;
	if (c->EVP_CipherInit_ex(ctx, cipher_of(c, alg), NULL, key, NULL, 1) != 1) {
		c->EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	used = true;
	return ctx;
}

static void free_made(void *made)
{
	libcrypto()->EVP_CIPHER_CTX_free(made);
}

/* The key stays in the context: only the nonce is new. */
static int begin(const struct libcrypto *c, EVP_CIPHER_CTX *ctx, int seal, const uint8_t *nonce,
    const uint8_t *ad, size_t adlen, size_t n)
{
	int len;

	if (n > INT_MAX || adlen > INT_MAX)
		return -1;
	if (c->EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, seal) != 1)
		return -1;
	if (adlen && c->EVP_CipherUpdate(ctx, NULL, &len, ad, (int)adlen) != 1)
		return -1;
	return 0;
}

static int seal(void *made, const uint8_t *nonce, const uint8_t *ad, size_t adlen, const uint8_t *in,
    size_t n, uint8_t *out)
{
	const struct libcrypto *c = libcrypto();
	int len;

	if (begin(c, made, 1, nonce, ad, adlen, n) != 0)
		return -1;
	if (n && c->EVP_CipherUpdate(made, out, &len, in, (int)n) != 1)
		return -1;
	if (c->EVP_CipherFinal_ex(made, out + n, &len) != 1)
		return -1;
	if (c->EVP_CIPHER_CTX_ctrl(made, EVP_CTRL_AEAD_GET_TAG, AEAD_TAGBYTES, out + n) != 1)
		return -1;
	return 0;
}

static int open(void *made, const uint8_t *nonce, const uint8_t *ad, size_t adlen, const uint8_t *in,
    size_t n, uint8_t *out)
{
	const struct libcrypto *c = libcrypto();
	uint8_t tag[AEAD_TAGBYTES], none[AEAD_TAGBYTES];
	int len;

	if (n < AEAD_TAGBYTES || begin(c, made, 0, nonce, ad, adlen, n) != 0)
		return -1;
	n -= AEAD_TAGBYTES;
	memcpy(tag, in + n, sizeof(tag));
	if (n && c->EVP_CipherUpdate(made, out, &len, in, (int)n) != 1)
		return -1;
	if (c->EVP_CIPHER_CTX_ctrl(made, EVP_CTRL_AEAD_SET_TAG, AEAD_TAGBYTES, tag) != 1)
		return -1;
	return c->EVP_CipherFinal_ex(made, none, &len) == 1 ? 0 : -1;
}

const struct aead_library aead_libcrypto = {
    .serves = serves,
    .load = load,
    .started = started,
    .make = make,
    .free = free_made,
    .seal = seal,
    .open = open,
};

#else

static bool serves(enum aead_alg alg)
{
	(void)alg;
	return false;
}

const struct aead_library aead_libcrypto = {.serves = serves};

#endif
