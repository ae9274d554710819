/*
 * params: the msgpack maps in OPEN and READY (vault/1 section 2).
 *
 * At most PARAMS_MAX bytes; unknown keys are ignored; a known key twice or of the wrong type, a second
 * map, trailing bytes, nesting deeper than PARAMS_DEPTH or a count larger than the bytes that
 * follow could hold make the whole map an error. Keys are one-letter strings:
 *   z bool   compression offered (OPEN) or chosen (READY)
 *   f bool   message boundaries offered or chosen (record type PART)
 *   k uint   keep-alive interval in seconds, 0 = none
 *   t bool   the sender's static key is thrown away after the run
 *   n str    software name and version
 *   p bool   probe only (OPEN)
 *   a bool   authorize the sender's key from now on (OPEN); that was done (READY)
 *   i bin32  Ed25519 public key of the sender's identity (or of its throw-away one); must convert to
 *            its Noise static key
 */
#ifndef PARAMS_H
#define PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARAMS_MAX 1024
#define PARAMS_DEPTH 4
#define PARAMS_SOFTWARE 64

struct params {
	bool compress;
	bool messages;
	bool throwaway;
	bool probe;
	bool remember;
	bool has_identity;
	uint32_t keepalive; /* seconds */
	uint8_t identity[32];
	char software[PARAMS_SOFTWARE]; /* as the peer wrote it: filter before printing */
};

/* Write ${p} to ${out}; returns the length, or 0 if it does not fit into ${cap}. */
size_t params_encode(const struct params *p, uint8_t *out, size_t cap);

/* Read a map of ${n} bytes. 0, or -1 with the reason in ${why} (constant text). */
int params_decode(struct params *p, const uint8_t *in, size_t n, const char **why)
    __attribute__((warn_unused_result));

#endif
