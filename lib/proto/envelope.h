/*
 * envelope: the msgpack map that every datagram carries, in clear or inside a box.
 *
 *   v  integer 2     version
 *   p  bin           payload: zstd frames; empty or absent: none
 *   c  bin           control: one JSON object; empty or absent: none
 *   g  bin           padding, ignored
 *   s  unsigned      sequence number                  between vault-tools peers
 *   d  0 or 1        direction                        between vault-tools peers
 *   k  bin           key message of vault-tools, which others pass over
 *
 * Keys are strings, in any order; unknown ones are passed over, a known one twice or of another type makes
 * the whole map an error, and so do trailing bytes, nesting deeper than ENVELOPE_DEPTH and counts that the
 * bytes cannot hold.
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENVELOPE_VERSION 2
#define ENVELOPE_DEPTH 4

/* The most that a map adds to its payload, padding header included: for upstream (v p c g) and for ours
 * (v p s d g). */
#define ENVELOPE_UPSTREAM (1 + 3 + 2 + 3 + 2 + 2 + 2 + 3)
#define ENVELOPE_NATIVE (1 + 3 + 2 + 3 + 2 + 9 + 2 + 1 + 2 + 3)

struct envelope {
	const uint8_t *p, *c, *k; /* point into the datagram; NULL if absent */
	size_t plen, clen, klen;
	bool has_s, has_d;
	uint64_t s;
	uint8_t d;
};

/* Read ${n} bytes. 0, or -1. */
int envelope_read(struct envelope *e, const uint8_t *in, size_t n) __attribute__((warn_unused_result));

/* Where in the map the payload of e->plen bytes lies. What is made there need not be moved. */
size_t envelope_payload_at(const struct envelope *e);

/* Write the map. With ${size} > 0 it is padded with ${pad} bytes so that it has exactly ${size}
 * (the padding's content is left as it was in ${out}: *${pad_at} and *${pad_len} say where).
 * Absent fields are left out, but an upstream map (no s) always has p and c. Its length, or 0 if it
 * does not fit into ${cap} or ${size}. */
size_t envelope_write(const struct envelope *e, uint8_t *out, size_t cap, size_t size, size_t *pad_at, size_t *pad_len)
    __attribute__((warn_unused_result));

#endif
