/*
 * hash_libcrypto: BLAKE2s (RFC 7693). Built without libcrypto, it is never available.
 */
#ifndef HASH_LIBCRYPTO_H
#define HASH_LIBCRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of what is hashed. */
struct hash_part {
	const uint8_t *data;
	size_t n;
};

/* Is it built in, and there? Loads it. */
bool hash_libcrypto_available(void);

/* Load it now. */
void hash_libcrypto_prepare(void);

/* out = BLAKE2s-256 of the ${count} parts, one after the other. 0, or -1. */
int hash_libcrypto_blake2s(uint8_t out[32], const struct hash_part *parts, size_t count)
    __attribute__((warn_unused_result));

#endif
