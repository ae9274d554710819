/*
 * msgwalk: walk over msgpack bytes without unpacking them.
 *
 * msgpack-c makes room for as many elements as a header claims, and recurses. So bytes from a peer are
 * walked first: every claimed count must be possible with the bytes that follow, and nesting is bounded.
 */
#ifndef MSGWALK_H
#define MSGWALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSGWALK_DEPTH 8 /* most that can be asked for */

/* The object at in[0], ${n} >= 1 bytes: its own bytes (header and payload) and how many objects follow
 * as its elements. 0; -1 if the header is cut or reserved. The payload may still be cut. */
int msgwalk_header(const uint8_t *in, size_t n, size_t *len, uint64_t *items) __attribute__((warn_unused_result));

/* The length of the one whole object at the start of ${in}, nested at most ${depth} deep; 0 if there is none. */
size_t msgwalk_object(const uint8_t *in, size_t n, int depth);

#endif
