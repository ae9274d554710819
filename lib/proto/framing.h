/*
 * framing: where a message ends in a stream of bytes. Pure; nothing is copied.
 */
#ifndef FRAMING_H
#define FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum framing {
	FRAMING_RAW = 0, /* what came at once is one message */
	FRAMING_LINES,	 /* ends with a newline, which is not part of it */
	FRAMING_NUL,	 /* ends with a zero byte, which is not part of it */
	FRAMING_U32,	 /* begins with its length, 4 bytes, big-endian */
};

#define FRAMING_TOO_LONG (-1)
#define FRAMING_EDGE 4 /* most bytes before or behind a message */

/* "raw", "lines", "nul", "u32" to its number; -1 for another word. */
int framing_parse(const char *name);

/* The first message in the ${n} bytes at ${data}: *${body} and *${len} say where it is; returns the
 * bytes it takes with its edges; 0 if its end has not come yet; FRAMING_TOO_LONG if it is or will be
 * longer than ${max}. */
ssize_t framing_next(enum framing f, const uint8_t *data, size_t n, size_t max, const uint8_t **body, size_t *len);

/* The stream has ended behind these ${n} > 0 bytes of an unfinished message: is that a message, too (a
 * last line without newline), or a fragment? */
bool framing_last_counts(enum framing f);

/* What stands before and behind a message of ${len} bytes; the number of bytes is returned. */
size_t framing_head(enum framing f, size_t len, uint8_t out[FRAMING_EDGE]);
size_t framing_tail(enum framing f, uint8_t out[FRAMING_EDGE]);

/* Can this be (a part of) the body of a message, or would the delimiter in it end one? */
bool framing_holds(enum framing f, const uint8_t *body, size_t n);

#endif
