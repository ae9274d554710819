/*
 * units: messages in and out of streams of bytes, in buffers that are not allocated (see framing.h).
 *
 * One message is one unit: never split, never merged with another.
 */
#ifndef UNITS_H
#define UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "framing.h"

/* What units_next() found. */
enum units_found {
	UNITS_MESSAGE,
	UNITS_MORE,	/* no whole message is there */
	UNITS_LARGE,	/* a message that is too large: it is passed over, this once is told */
	UNITS_CUT,	/* the end came within a message (u32) */
};

/* A buffer that is filled at the end and emptied at the front. */
struct units {
	enum framing framing;
	uint8_t *buf; /* the caller's */
	size_t cap, from, to;
	size_t max;  /* the longest message, which must fit with its edges; 0 = whatever fits */
	bool skipping; /* a message is passed over: up to the next delimiter, or (u32) */
	size_t skip;   /* so many bytes */
	bool eof;
};

/* Room for more input; *${n} may be 0 (take messages first). Then units_filled(). */
uint8_t *units_room(struct units *f, size_t *n);
void units_filled(struct units *f, size_t n);

/* The next message: it stays where it is until units_room(). */
enum units_found units_next(struct units *f, const uint8_t **text, size_t *n);

/* Write a message of ${n} bytes as a unit, with ${tag} (may be NULL) in front of its text. Its length, or 0 if it
 * does not fit into ${cap}; SIZE_MAX if it cannot be told apart, for it holds the delimiter. */
size_t units_write(enum framing framing, const char *tag, const uint8_t *text, size_t n, uint8_t *out, size_t cap);

#endif
