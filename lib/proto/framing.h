/*
 * framing: where messages begin and end in a stream of bytes (--framing).
 *
 * One message is one unit: never split, never merged with another.
 */
#ifndef FRAMING_H
#define FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing {
	FRAMING_LINES = 0, /* ends with a newline; the last one need not */
	FRAMING_NUL,
	FRAMING_U32, /* 4 bytes length, most significant first, and so many bytes */
	FRAMING_RAW, /* what one read returned */
};

/* What framing_next() found. */
enum framing_found {
	FRAMING_MESSAGE,
	FRAMING_MORE,	/* no whole message is there */
	FRAMING_LARGE,	/* a message larger than the buffer: it is passed over, this once is told */
	FRAMING_CUT,	/* the end came within a message (u32) */
};

/* A buffer that is filled at the end and emptied at the front. */
struct framing_in {
	enum framing framing;
	uint8_t *buf; /* the caller's */
	size_t cap, from, to;
	size_t skip; /* bytes of a message that is passed over (u32) */
	bool skipping; /* up to the next delimiter */
	bool eof;
};

/* Room for more input; *${n} may be 0 (take messages first). Then framing_filled(). */
uint8_t *framing_room(struct framing_in *f, size_t *n);
void framing_filled(struct framing_in *f, size_t n);

/* The next message: it stays where it is until framing_room(). */
enum framing_found framing_next(struct framing_in *f, const uint8_t **text, size_t *n);

/* Write a message of ${n} bytes as a unit, with ${tag} (may be NULL) in front of its text. Its length, or 0 if it
 * does not fit into ${cap}; SIZE_MAX if it cannot be told apart, for it holds the delimiter. */
size_t framing_write(enum framing framing, const char *tag, const uint8_t *text, size_t n, uint8_t *out, size_t cap);

#endif
