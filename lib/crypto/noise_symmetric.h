/*
 * noise_symmetric: the SymmetricState of section 5.2: h, ck, cipher and have_k of a handshake.
 *
 * All return NOISE_OK or an error, after which the handshake must not go on.
 */
#ifndef NOISE_SYMMETRIC_H
#define NOISE_SYMMETRIC_H

#include "noise.h"
#include "noise_cipher.h"

/* InitializeSymmetric: h = the name, padded with zeros or hashed to HASHLEN; ck = h. */
int noise_symmetric_start(struct noise_handshake *hs) __attribute__((warn_unused_result));

int noise_symmetric_mix_hash(struct noise_handshake *hs, const uint8_t *data, size_t n)
    __attribute__((warn_unused_result));

/* MixKey, or MixKeyAndHash if ${and_hash}: HKDF gives one output more, which goes into h. */
int noise_symmetric_mix_key(struct noise_handshake *hs, const uint8_t *ikm, size_t n, bool and_hash)
    __attribute__((warn_unused_result));

/* Length of ${n} bytes after encrypt: with a tag once there is a key. */
size_t noise_symmetric_sealed_len(const struct noise_handshake *hs, size_t n);

/* EncryptAndHash. ${n} counts the plaintext bytes; ${out} has room for sealed_len. */
int noise_symmetric_encrypt(struct noise_handshake *hs, const uint8_t *in, size_t n,
    uint8_t *out) __attribute__((warn_unused_result));

/* DecryptAndHash. ${n} counts the ciphertext bytes. On failure ${out} is untouched or zeroed. */
int noise_symmetric_decrypt(struct noise_handshake *hs, const uint8_t *in, size_t n,
    uint8_t *out) __attribute__((warn_unused_result));

/* Split: ${first} for initiator to responder, ${second} for the other way. Both zeroed before,
 * and empty after failure. */
int noise_symmetric_split(struct noise_handshake *hs, struct noise_cipher *first,
    struct noise_cipher *second) __attribute__((warn_unused_result));

#endif
