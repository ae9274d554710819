/* see aead.h */
#include "aead.h"

#include <string.h>

#include <sodium.h>

#include "aead_libcrypto.h"
#include "secret.h"

_Static_assert(sizeof(crypto_aead_aes256gcm_state) <= sizeof(((struct aead *)0)->sodium),
    "libsodium's AES state must fit");
_Static_assert(crypto_aead_aes256gcm_ABYTES == AEAD_TAGBYTES, "tag length");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == AEAD_TAGBYTES, "tag length");

static bool sodium_can(enum aead_alg alg)
{
	switch (alg) {
	case AEAD_CHACHAPOLY:
		return true;
	case AEAD_AESGCM:
		return aead_hardware_aes();
	case AEAD_NONE:
		break;
	}
	return false;
}

bool aead_available(enum aead_alg alg)
{
	return sodium_can(alg) || (alg == AEAD_AESGCM && aead_libcrypto_available());
}

bool aead_hardware_aes(void)
{
	return crypto_aead_aes256gcm_is_available() == 1;
}

int aead_init(struct aead *a, enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES])
{
	memset(a, 0, sizeof(*a));
	if (!aead_available(alg))
		return -1;
	a->alg = alg;
	memcpy(a->key, key, AEAD_KEYBYTES);
	return 0;
}

void aead_free(struct aead *a)
{
	aead_libcrypto_free(a->evp);
	secret_wipe(a, sizeof(*a));
}

/* The context to use, or NULL: then libsodium serves. */
static void *bulk_context(struct aead *a)
{
	if (a->done < AEAD_BULK && sodium_can(a->alg))
		return NULL;
	if (!a->evp)
		a->evp = aead_libcrypto_new(a->alg, a->key);
	if (!a->evp)
		a->done = 0; /* not built, or refused by its configuration: ask again in a while */
	return a->evp;
}

/* Expanding an AES key costs as much as a short record, so it is kept. */
static const crypto_aead_aes256gcm_state *expanded(struct aead *a)
{
	crypto_aead_aes256gcm_state *state = (void *)a->sodium;

	if (!a->expanded) {
		crypto_aead_aes256gcm_beforenm(state, a->key);
		a->expanded = true;
	}
	return state;
}

static int sodium_seal(struct aead *a, const uint8_t *nonce, const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t n, uint8_t *out)
{
	if (!sodium_can(a->alg))
		return -1;
	if (a->alg == AEAD_AESGCM)
		return crypto_aead_aes256gcm_encrypt_afternm(
		    out, NULL, in, n, ad, adlen, NULL, nonce, expanded(a));
	return crypto_aead_chacha20poly1305_ietf_encrypt(
	    out, NULL, in, n, ad, adlen, NULL, nonce, a->key);
}

static int sodium_open(struct aead *a, const uint8_t *nonce, const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t n, uint8_t *out)
{
	if (!sodium_can(a->alg))
		return -1;
	if (a->alg == AEAD_AESGCM)
		return crypto_aead_aes256gcm_decrypt_afternm(
		    out, NULL, NULL, in, n, ad, adlen, nonce, expanded(a));
	return crypto_aead_chacha20poly1305_ietf_decrypt(
	    out, NULL, NULL, in, n, ad, adlen, nonce, a->key);
}

int aead_seal(struct aead *a, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t n, uint8_t *out)
{
	void *evp = bulk_context(a);
	int r;

	if (evp)
		r = aead_libcrypto_seal(evp, nonce, ad, adlen, in, n, out);
	else
		r = sodium_seal(a, nonce, ad, adlen, in, n, out);
	if (r != 0) {
		secret_wipe(out, n + AEAD_TAGBYTES);
		return -1;
	}
	a->done += n;
	return 0;
}

int aead_open(struct aead *a, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t n, uint8_t *out)
{
	void *evp;
	int r;

	if (n < AEAD_TAGBYTES)
		return -1;
	evp = bulk_context(a);
	if (evp)
		r = aead_libcrypto_open(evp, nonce, ad, adlen, in, n, out);
	else
		r = sodium_open(a, nonce, ad, adlen, in, n, out);
	if (r != 0) {
		secret_wipe(out, n - AEAD_TAGBYTES);
		return -1;
	}
	a->done += n - AEAD_TAGBYTES;
	return 0;
}
