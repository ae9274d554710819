/* see aead.h */
#include "aead.h"

#include <string.h>

#include <sodium.h>
#if WITH_LIBCRYPTO
#include <openssl/opensslv.h>
#endif
#if WITH_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

#include "aead_library.h"
#include "secret.h"

_Static_assert(sizeof(crypto_aead_aes256gcm_state) <= sizeof(((struct aead *)0)->sodium),
    "libsodium's AES state must fit");
_Static_assert(crypto_aead_aes256gcm_ABYTES == AEAD_TAGBYTES, "tag length");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == AEAD_TAGBYTES, "tag length");

/* The faster one first. */
static const struct aead_library *const libraries[] = {&aead_ipsecmb, &aead_libcrypto};
#define LIBRARIES (sizeof(libraries) / sizeof(libraries[0]))

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
	return sodium_can(alg) || (alg == AEAD_AESGCM && aead_libcrypto.serves(alg) && aead_libcrypto.load() == 0);
}

#if WITH_LIBCRYPTO && WITH_IPSEC_MB
#define BULK "libcrypto " OPENSSL_FULL_VERSION_STR ", ipsec-mb " IMB_VERSION_STR
#elif WITH_LIBCRYPTO
#define BULK "libcrypto " OPENSSL_FULL_VERSION_STR
#elif WITH_IPSEC_MB
#define BULK "no libcrypto, ipsec-mb " IMB_VERSION_STR
#else
#define BULK "no libcrypto"
#endif

const char *aead_libraries(void)
{
	return BULK;
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
	if (a->bulk)
		a->library->free(a->bulk);
	secret_wipe(a, sizeof(*a));
}

void aead_prepare(enum aead_alg alg)
{
	for (size_t i = 0; i < LIBRARIES; i++)
		if (libraries[i]->serves(alg) && libraries[i]->load() == 0)
			return;
}

static void make_bulk(struct aead *a)
{
	for (size_t i = 0; i < LIBRARIES && !a->bulk; i++) {
		if (!libraries[i]->serves(a->alg))
			continue;
		a->library = libraries[i];
		a->bulk = libraries[i]->make(a->alg, a->key);
	}
}

static bool started(enum aead_alg alg)
{
	for (size_t i = 0; i < LIBRARIES; i++)
		if (libraries[i]->serves(alg) && libraries[i]->started())
			return true;
	return false;
}

/* Is it time for another library than libsodium? */
static bool much(const struct aead *a)
{
	if (a->bulk || a->done >= AEAD_BULK || !sodium_can(a->alg))
		return true;
	return a->done >= AEAD_SOON && started(a->alg);
}

static bool bulk(struct aead *a)
{
	if (!much(a))
		return false;
	if (!a->bulk)
		make_bulk(a);
	if (!a->bulk)
		a->done = 0; /* none is there: ask again in a while */
	return a->bulk != NULL;
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
	int r;

	if (bulk(a))
		r = a->library->seal(a->bulk, nonce, ad, adlen, in, n, out);
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
	int r;

	if (n < AEAD_TAGBYTES)
		return -1;
	if (bulk(a))
		r = a->library->open(a->bulk, nonce, ad, adlen, in, n, out);
	else
		r = sodium_open(a, nonce, ad, adlen, in, n, out);
	if (r != 0) {
		secret_wipe(out, n - AEAD_TAGBYTES);
		return -1;
	}
	a->done += n - AEAD_TAGBYTES;
	return 0;
}
