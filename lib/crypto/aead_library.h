/*
 * aead_library: what serves bulk data instead of libsodium; private to aead*.c.
 */
#ifndef AEAD_LIBRARY_H
#define AEAD_LIBRARY_H

#include "aead.h"

struct aead_library {
	/* Is it built in, has this CPU what it takes for ${alg}? Loads nothing. */
	bool (*serves)(enum aead_alg alg);

	/* Load it, so that make() will not have to. 0, or -1 if it is not there. */
	int (*load)(void);

	/* Has it been used? */
	bool (*started)(void);

	/* What is needed to seal and open under ${key}, or NULL. Free with free(), which wipes. */
	void *(*make)(enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES]);
	void (*free)(void *made);

	/* As aead_seal() and aead_open(), but what a failure leaves in the output is the caller's
	 * to wipe. */
	int (*seal)(void *made, const uint8_t *nonce, const uint8_t *ad, size_t adlen, const uint8_t *in,
	    size_t n, uint8_t *out);
	int (*open)(void *made, const uint8_t *nonce, const uint8_t *ad, size_t adlen, const uint8_t *in,
	    size_t n, uint8_t *out);
};

extern const struct aead_library aead_ipsecmb, aead_libcrypto;

#endif
