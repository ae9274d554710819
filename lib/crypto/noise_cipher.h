/*
 * noise_cipher: the CipherState of section 5.1, for the handshake; the transport's half of its
 * interface is in noise.h.
 */
#ifndef NOISE_CIPHER_H
#define NOISE_CIPHER_H

#include "noise.h"

/* Set the key and begin at nonce 0. ${c} is freed before. NOISE_OK or NOISE_E_UNBUILT. */
int noise_cipher_init(struct noise_cipher *c, enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES])
    __attribute__((warn_unused_result));

/* EncryptWithAd and DecryptWithAd under a key; otherwise as noise_cipher_seal() and _open(). */
int noise_cipher_seal_ad(struct noise_cipher *c, const uint8_t *ad, size_t adlen, const uint8_t *in,
    size_t n, uint8_t *out) __attribute__((warn_unused_result));
int noise_cipher_open_ad(struct noise_cipher *c, const uint8_t *ad, size_t adlen, const uint8_t *in,
    size_t n, uint8_t *out) __attribute__((warn_unused_result));

#endif
