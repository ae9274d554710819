/*
 * dh: X25519 (RFC 7748, libsodium) and X448 (RFC 7748, libcrypto).
 */
#ifndef DH_H
#define DH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secret.h"

#define DH_MAX 56

enum dh_alg {
	DH_NONE = 0,
	DH_25519,
	DH_448,
};

bool dh_available(enum dh_alg alg);

/* Length of a secret key, a public key and a shared secret: 32 or 56. */
size_t dh_len(enum dh_alg alg);

/* A fresh key pair; the secret is the next dh_len(alg) bytes of ${rng}. 0, or -1 if unavailable. */
int dh_keypair(enum dh_alg alg, const struct rng *rng, uint8_t *sec, uint8_t *pub)
    __attribute__((warn_unused_result));

/* The public key of ${sec}. 0, or -1. */
int dh_public(enum dh_alg alg, uint8_t *pub, const uint8_t *sec) __attribute__((warn_unused_result));

/* The shared secret. -1 (output zeroed) if ${pub} is of low order, that is if the result would
 * be all zero; non-canonical encodings are taken modulo p as RFC 7748 says. */
int dh_shared(enum dh_alg alg, uint8_t *out, const uint8_t *sec, const uint8_t *pub)
    __attribute__((warn_unused_result));

#endif
