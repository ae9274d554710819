/* see aead_libcrypto.h */
#include "aead_libcrypto.h"

#if WITH_LIBCRYPTO

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>

#include "libcrypto.h"

const char *aead_library(void)
{
	return "libcrypto " OPENSSL_FULL_VERSION_STR;
}

bool aead_libcrypto_available(void)
{
	return true;
}

static const EVP_CIPHER *cipher_of(enum aead_alg alg)
{
	switch (alg) {
	case AEAD_CHACHAPOLY:
		return EVP_chacha20_poly1305();
	case AEAD_AESGCM:
		return EVP_aes_256_gcm();
	case AEAD_NONE:
		break;
	}
	return NULL;
}

void *aead_libcrypto_new(enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES])
{
	const EVP_CIPHER *cipher = cipher_of(alg);
	EVP_CIPHER_CTX *ctx;

	if (!cipher)
		return NULL;
	libcrypto_start();
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return NULL;
	if (EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, 1) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

void aead_libcrypto_free(void *evp)
{
	if (evp)
		EVP_CIPHER_CTX_free(evp);
}

/* The key stays in the context: only the nonce is new. */
static int begin(
    EVP_CIPHER_CTX *ctx, int seal, const uint8_t *nonce, const uint8_t *ad, size_t adlen, size_t n)
{
	int len;

	if (n > INT_MAX || adlen > INT_MAX)
		return -1;
	if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, seal) != 1)
		return -1;
	if (adlen && EVP_CipherUpdate(ctx, NULL, &len, ad, (int)adlen) != 1)
		return -1;
	return 0;
}

int aead_libcrypto_seal(void *evp, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t n, uint8_t *out)
{
	int len;

	if (begin(evp, 1, nonce, ad, adlen, n) != 0)
		return -1;
	if (n && EVP_CipherUpdate(evp, out, &len, in, (int)n) != 1)
		return -1;
	if (EVP_CipherFinal_ex(evp, out + n, &len) != 1)
		return -1;
	if (EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, AEAD_TAGBYTES, out + n) != 1)
		return -1;
	return 0;
}

int aead_libcrypto_open(void *evp, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t tag[AEAD_TAGBYTES], none[AEAD_TAGBYTES];
	int len;

	if (n < AEAD_TAGBYTES || begin(evp, 0, nonce, ad, adlen, n) != 0)
		return -1;
	n -= AEAD_TAGBYTES;
	for (size_t i = 0; i < sizeof(tag); i++)
		tag[i] = in[n + i];
	if (n && EVP_CipherUpdate(evp, out, &len, in, (int)n) != 1)
		return -1;
	if (EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, AEAD_TAGBYTES, tag) != 1)
		return -1;
	return EVP_CipherFinal_ex(evp, none, &len) == 1 ? 0 : -1;
}

#else

bool aead_libcrypto_available(void)
{
	return false;
}

const char *aead_library(void)
{
	return "no libcrypto";
}

void *aead_libcrypto_new(enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES])
{
	(void)alg;
	(void)key;
	return NULL;
}

void aead_libcrypto_free(void *evp)
{
	(void)evp;
}

int aead_libcrypto_seal(void *evp, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t n, uint8_t *out)
{
	(void)evp, (void)nonce, (void)ad, (void)adlen, (void)in, (void)n, (void)out;
	return -1;
}

int aead_libcrypto_open(void *evp, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t n, uint8_t *out)
{
	(void)evp, (void)nonce, (void)ad, (void)adlen, (void)in, (void)n, (void)out;
	return -1;
}

#endif
