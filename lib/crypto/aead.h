/*
 * aead: ChaCha20-Poly1305 (RFC 8439) and AES-256-GCM (SP 800-38D), 96-bit nonces.
 *
 * libsodium serves first, because to load and to start another library costs up to milliseconds;
 * after AEAD_BULK bytes under one key (AEAD_SOON, if that cost has been paid for another key)
 * the work moves to one that is faster on bulk data: ipsec-mb
 * for AES-GCM on CPUs with vector AES instructions (six times as fast as libsodium), else
 * libcrypto (two to three times). Where none can serve, libsodium goes on. Where the CPU has no AES
 * instructions (so libsodium has no AES-GCM), libcrypto serves from the start. Built without
 * these, libsodium does all.
 */
#ifndef AEAD_H
#define AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_KEYBYTES 32
#define AEAD_NONCEBYTES 12
#define AEAD_TAGBYTES 16
#define AEAD_BULK (256 * 1024)
#define AEAD_SOON (16 * 1024)

enum aead_alg {
	AEAD_NONE = 0,
	AEAD_CHACHAPOLY,
	AEAD_AESGCM,
};

struct aead_library;

struct aead {
	enum aead_alg alg;
	uint8_t key[AEAD_KEYBYTES];
	bool expanded; /* libsodium's expanded AES key is in ${sodium} */
	uint64_t done; /* bytes sealed or opened under this key since libsodium took over */
	const struct aead_library *library; /* what ${bulk} is of */
	void *bulk;    /* the library's key or context, NULL until needed; owned */
	_Alignas(16) uint8_t sodium[512];
};

/* Can this build on this CPU do ${alg}? */
bool aead_available(enum aead_alg alg);

/* Does this CPU have AES instructions (so that AES-GCM is the faster choice)? */
bool aead_hardware_aes(void);

/* The libraries for bulk data that are built in, and the versions that they were built with:
 * "libcrypto 3.0.22, ipsec-mb 1.3.0", or "no libcrypto". Constant text. */
const char *aead_libraries(void);

/* Load now what bulk data under ${alg} will want, as far as it is there: see library.h. */
void aead_prepare(enum aead_alg alg);

/* Set ${a} up under ${key}. 0, or -1 if ${alg} is not available (then ${a} is empty).
 * ${a} must be zeroed or freed before. */
int aead_init(struct aead *a, enum aead_alg alg, const uint8_t key[AEAD_KEYBYTES])
    __attribute__((warn_unused_result));

/* Wipe and release what ${a} holds; ${a} is then zeroed. Safe on a zeroed struct. */
void aead_free(struct aead *a);

/* Encrypt ${n} bytes at ${in} to ${n} + AEAD_TAGBYTES bytes at ${out}; ${out} == ${in} is
 * allowed (in place), other overlap is not. 0, or -1 if the library failed: then the output is
 * zeroed. */
int aead_seal(struct aead *a, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t n, uint8_t *out) __attribute__((warn_unused_result));

/* Decrypt ${n} bytes (ciphertext and tag) at ${in} to ${n} - AEAD_TAGBYTES bytes at ${out},
 * in place allowed. 0, or -1 if the tag is wrong or ${n} < AEAD_TAGBYTES: then the output
 * bytes are zeroed and nothing of the plaintext is released. */
int aead_open(struct aead *a, const uint8_t nonce[AEAD_NONCEBYTES], const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t n, uint8_t *out) __attribute__((warn_unused_result));

#endif
