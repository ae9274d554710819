/*
 * datagram: one encrypted datagram, a NaCl box (X25519, XSalsa20, Poly1305) as py-vault-udp makes it.
 *
 *   24  nonce    16  tag    16  inner nonce    8  Unix time, f64 big-endian    n  the map (envelope.h)
 *
 * And the older sealed box of its version 1: 32 public key of one use, 16 tag, n bytes.
 */
#ifndef DATAGRAM_H
#define DATAGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/secret.h"

#define DATAGRAM_NONCE 24
#define DATAGRAM_TAG 16
#define DATAGRAM_INNER 16
#define DATAGRAM_HEAD (DATAGRAM_NONCE + DATAGRAM_TAG + DATAGRAM_INNER + 8 /* time */)
#define DATAGRAM_SEALED (32 + 16)
#define DATAGRAM_MAX 48000 /* more is not taken from the network, as upstream does */

/* The key that two key pairs share. 0, or -1 (key zeroed) if ${theirs} is of low order. */
int datagram_key(uint8_t shared[32], const uint8_t theirs[32], const uint8_t secret[32])
    __attribute__((warn_unused_result));

/* Seal the map of ${n} bytes that lies at ${at} + DATAGRAM_HEAD; ${at} gets DATAGRAM_HEAD + n bytes. */
void datagram_seal(uint8_t *at, size_t n, const uint8_t shared[32], const uint8_t nonce[DATAGRAM_NONCE],
    const uint8_t inner[DATAGRAM_INNER], double unix_time);

/* What was inside. */
struct datagram {
	const uint8_t *inner; /* DATAGRAM_INNER bytes */
	double unix_time;     /* may be anything, even not a number */
	const uint8_t *map;
	size_t len;
};

/* Open ${n} bytes in place. 0, or -1 with ${at} unchanged if the tag is wrong or it is too short. */
int datagram_open(struct datagram *d, uint8_t *at, size_t n, const uint8_t shared[32])
    __attribute__((warn_unused_result));

/* The sealed box of version 1: from ${in} to ${out}, which has n + DATAGRAM_SEALED (or n -) bytes. */
int datagram_seal_anonymous(uint8_t *out, const uint8_t *in, size_t n, const uint8_t theirs[32], const struct rng *rng)
    __attribute__((warn_unused_result));
int datagram_open_anonymous(uint8_t *out, const uint8_t *in, size_t n, const uint8_t public[32],
    const uint8_t secret[32]) __attribute__((warn_unused_result));

#endif
