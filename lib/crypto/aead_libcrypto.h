/*
 * aead_libcrypto: aead's second back end. Built without libcrypto, it is never available.
 */
#ifndef AEAD_LIBCRYPTO_H
#define AEAD_LIBCRYPTO_H

#include "aead.h"

/* Is it built in? Does not touch libcrypto, whose first use is slow. */
bool aead_libcrypto_available(void);

/* A cipher context with the key set, or NULL. Free with aead_libcrypto_free(), which wipes. */
void *aead_libcrypto_new(enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES]);
void aead_libcrypto_free(void *evp);

/* As aead_seal() and aead_open(), but what a failure leaves in the output is the caller's to wipe. */
int aead_libcrypto_seal(void *evp, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t n, uint8_t *out) __attribute__((warn_unused_result));
int aead_libcrypto_open(void *evp, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t n, uint8_t *out) __attribute__((warn_unused_result));

#endif
