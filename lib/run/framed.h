/*
 * framed: the messages of one session as units of an endpoint's streams (--framing).
 *
 * Each unit that is read is sent as one message, each message that comes is written as one unit, and only when
 * all of it is there. What is at fault is told when what was whole before it has been passed on.
 */
#ifndef FRAMED_H
#define FRAMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "message.h"
#include "proto/error.h"
#include "proto/session.h"
#include "proto/units.h"

struct framed {
	enum framing framing;
	size_t max;	/* the longest message that is taken from the peer */
	/* our input, toward the peer */
	struct units in;
	const uint8_t *text; /* of the message that is being sent, ${left} bytes are still to go */
	size_t left;
	bool sending;
	/* the peer's messages, toward our output: whole units up to ${whole}, behind them the beginning of one */
	struct partial out;
	size_t whole, written;
	bool begun;
};

/* ${max}: the longest message, either way; to the peer no longer than its wire can carry. NULL without memory. */
struct framed *framed_new(enum framing framing, size_t max, const struct session *s);
void framed_free(struct framed *f);

/* ---- our input ---- */

/* Room for more of it (none while much waits for the session). Then framed_filled(), or framed_ended(). */
struct iovec framed_room(struct framed *f);
void framed_filled(struct framed *f, size_t n);
void framed_ended(struct framed *f);

/* Send what is whole, as far as the session takes it. ${name} is that of the input. 0; or -1 with ${e} set: a unit
 * is too long or has no end, and nothing behind it is sent. */
int framed_send(struct framed *f, struct session *s, const char *name, struct error *e);

/* Has the input ended, and has all of it been sent? */
bool framed_all_sent(const struct framed *f);
/* Is there something that was read and has not been sent? */
bool framed_holds(const struct framed *f);

/* ---- our output ---- */

/* Take what messages the session has, up to a limit. 0; or -1 with ${e} set: one is too long, or cannot be told
 * apart because the delimiter is in it. It is not taken. */
int framed_take(struct framed *f, struct session *s, struct error *e);

/* What is to be written now; none: length 0. Then framed_wrote(). */
struct iovec framed_waiting(const struct framed *f);
void framed_wrote(struct framed *f, size_t n);

/* Bytes of it that were taken from the session and have not been written. */
size_t framed_unwritten(const struct framed *f);

/* Has a message begun, of which the end has not come? */
bool framed_unfinished(const struct framed *f);

#endif
