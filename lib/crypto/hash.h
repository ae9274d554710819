/*
 * hash: the four hash functions of Noise, HMAC (RFC 2104) and Noise's HKDF (section 4.3).
 * SHA-256, SHA-512 and BLAKE2b come from libsodium, BLAKE2s from libcrypto.
 *
 * All return 0, or -1 if the algorithm is not available or the library failed (only BLAKE2s can):
 * then the outputs are zeroed and must not be used.
 */
#ifndef HASH_H
#define HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_MAX 64

enum hash_alg {
	HASH_NONE = 0,
	HASH_SHA256,
	HASH_SHA512,
	HASH_BLAKE2S,
	HASH_BLAKE2B,
};

bool hash_available(enum hash_alg alg);

/* Output length in bytes: 32 or 64; 0 for HASH_NONE. */
size_t hash_len(enum hash_alg alg);

/* out = HASH(a || b); ${b} may be NULL with ${bn} 0. ${out} has hash_len(alg) bytes and may
 * alias ${a} or ${b}. */
int hash_two(enum hash_alg alg, uint8_t *out, const uint8_t *a, size_t an, const uint8_t *b,
    size_t bn) __attribute__((warn_unused_result));

/* out = HMAC-HASH(key, a || b). ${keylen} is at most the hash's block
 * length (64 or 128), else -1. */
int hash_hmac(enum hash_alg alg, uint8_t *out, const uint8_t *key, size_t keylen, const uint8_t *a,
    size_t an, const uint8_t *b, size_t bn) __attribute__((warn_unused_result));

/* Noise HKDF: 2 or 3 outputs of hash_len(alg) bytes each from the chaining key ${ck}
 * (hash_len(alg) bytes) and input key material. ${o3} NULL asks for two. Outputs may alias
 * ${ck} but not each other. */
int hash_hkdf(enum hash_alg alg, const uint8_t *ck, const uint8_t *ikm, size_t n, uint8_t *o1,
    uint8_t *o2, uint8_t *o3) __attribute__((warn_unused_result));

/* SipHash-2-4: for tables whose keys strangers choose. */
#define HASH_SHORT_KEY 16
uint64_t hash_short(const uint8_t key[HASH_SHORT_KEY], const void *data, size_t n);

#endif
