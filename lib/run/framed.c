#include "framed.h"

#include <stdlib.h>
#include <string.h>

#define IN_LEAST (64 * 1024)	 /* short messages come many at a time */
#define OUT_ENOUGH (256 * 1024) /* waits for the output: then no more is taken */

struct framed *framed_new(enum framing framing, size_t max, const struct session *s)
{
	struct framed *f = calloc(1, sizeof *f);
	size_t most = session_message_max(s) < max ? session_message_max(s) : max;

	if (!f)
		return NULL;
	f->framing = f->in.framing = framing;
	f->max = max;
	f->in.max = most;
	f->in.cap = (most > IN_LEAST ? most : IN_LEAST) + FRAMING_EDGE;
	f->in.buf = malloc(f->in.cap);
	if (!f->in.buf) {
		free(f);
		return NULL;
	}
	return f;
}

void framed_free(struct framed *f)
{
	if (!f)
		return;
	partial_clear(&f->out);
	free(f->in.buf);
	free(f);
}

/* ---- our input ---- */

struct iovec framed_room(struct framed *f)
{
	struct iovec room = {NULL, 0};

	/* (What is being sent must stay where it is.) */
	if (!f->sending && !f->in.eof)
		room.iov_base = units_room(&f->in, &room.iov_len);
	return room;
}

void framed_filled(struct framed *f, size_t n)
{
	units_filled(&f->in, n);
}

void framed_ended(struct framed *f)
{
	f->in.eof = true;
}

/* As much of the message as the session takes now. False if it takes nothing. */
static bool send_piece(struct framed *f, struct session *s)
{
	struct iovec iov;

	if (session_send_app_iov(s, &iov, 1) < 1)
		return false;
	if (f->left == 0) {
		session_send_empty(s);
		f->sending = false;
		return true;
	}
	if (iov.iov_len > f->left)
		iov.iov_len = f->left;
	memcpy(iov.iov_base, f->text, iov.iov_len);
	f->text += iov.iov_len;
	f->left -= iov.iov_len;
	f->sending = f->left > 0;
	if (f->sending)
		session_send_part_ack(s, iov.iov_len);
	else
		session_send_app_ack(s, iov.iov_len);
	return true;
}

static int too_long(const struct framed *f, const char *name, struct error *e)
{
	if (f->in.max < f->max)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: a message is longer than %zu bytes, the most that this wire carries",
		    name, f->in.max);
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: a message is longer than --max-message-size (%zu bytes)", name, f->in.max);
}

int framed_send(struct framed *f, struct session *s, const char *name, struct error *e)
{
	for (;;) {
		while (f->sending)
			if (!send_piece(f, s))
				return 0;
		switch (units_next(&f->in, &f->text, &f->left)) {
		case UNITS_MESSAGE:
			f->sending = true;
			break;
		case UNITS_MORE:
			return 0;
		case UNITS_LARGE:
			return too_long(f, name, e);
		case UNITS_CUT:
			return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: it ended in the middle of a message", name);
		}
	}
}

bool framed_all_sent(const struct framed *f)
{
	return f->in.eof && !framed_holds(f);
}

bool framed_holds(const struct framed *f)
{
	return f->sending || f->in.from < f->in.to;
}

/* ---- our output ---- */

static int no_memory(struct error *e)
{
	return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
}

/* Can this piece be (the next) part of a message? */
static int check(const struct framed *f, const struct session_window *w, size_t before, struct error *e)
{
	if (w->len > f->max || before > f->max - w->len)
		return error_set(e, ERROR_PROTOCOL, BLAME_PEER, "the peer sent a message longer than --max-message-size (%zu bytes)",
		    f->max);
	if (!framing_holds(f->framing, w->data, w->len))
		return error_set(e, ERROR_IO, BLAME_LOCAL,
		    "the peer sent a message that holds %s, which cannot be told apart: use another --framing",
		    f->framing == FRAMING_LINES ? "a newline" : "a zero byte");
	return 0;
}

static int add(struct framed *f, const struct session_window *w, struct error *e)
{
	uint8_t head[FRAMING_EDGE] = {0}, tail[FRAMING_EDGE];
	size_t head_len = framing_head(f->framing, 0, head), tail_len, before = f->begun ? f->out.len - f->whole - head_len : 0;

	if (check(f, w, before, e) < 0)
		return -1;
	if (!f->begun && head_len > 0 && partial_add(&f->out, head, head_len) < 0)
		return no_memory(e);
	f->begun = true;
	if (w->len > 0 && partial_add(&f->out, w->data, w->len) < 0)
		return no_memory(e);
	if (w->more)
		return 0;
	tail_len = framing_tail(f->framing, tail);
	if (tail_len > 0 && partial_add(&f->out, tail, tail_len) < 0)
		return no_memory(e);
	/* Only now its length is known. */
	if (head_len > 0)
		framing_head(f->framing, before + w->len, f->out.bytes + f->whole);
	f->whole = f->out.len;
	f->begun = false;
	return 0;
}

int framed_take(struct framed *f, struct session *s, struct error *e)
{
	while (f->whole - f->written < OUT_ENOUGH && (session_state(s) & SESSION_RECV_APP)) {
		const struct session_window *w = session_recv_app_window(s);
		size_t n = w->len;

		if (add(f, w, e) < 0)
			return -1;
		session_recv_app_ack(s, n);
	}
	return 0;
}

struct iovec framed_waiting(const struct framed *f)
{
	struct iovec waiting = {NULL, f->whole - f->written};

	if (waiting.iov_len > 0)
		waiting.iov_base = f->out.bytes + f->written;
	return waiting;
}

void framed_wrote(struct framed *f, size_t n)
{
	f->written += n;
	if (f->written < f->whole || f->whole == 0)
		return;
	/* (Emptied, not given back: the next message is not far.) */
	f->out.len -= f->whole;
	memmove(f->out.bytes, f->out.bytes + f->whole, f->out.len);
	f->whole = f->written = 0;
}

size_t framed_unwritten(const struct framed *f)
{
	return f->out.len - f->written;
}

bool framed_unfinished(const struct framed *f)
{
	return f->begun;
}
