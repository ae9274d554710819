/* The sending half of the session engine, what is compressed. */
#include "wire.h"

/* The link takes all at once, so that it is our own work that holds it up. */
static bool link_is_free(const struct session *s)
{
	return s->out_head == s->out_tail;
}

/*
 * Larger pieces compress faster, two at a time still faster. One that turns out too large for a record goes on
 * in the next, but nobody could tell two messages from one then.
 */
size_t session_squash_window(const struct session *s)
{
	size_t one = session_body_room(s, 0), room = session_room(s), most, fits;

	if (one == 0 || s->messages || !squash_shrinks(&s->squash))
		return squash_fits(one);
	most = s->aide && link_is_free(s) ? 2 * SQUASH_PLAIN : SQUASH_PLAIN;
	/* (Each piece may leave a record that is not full.) */
	fits = squash_fits(room - (room / s->wire->body_max + 2) * SESSION_OVERHEAD(s->wire));
	return fits < most ? fits : most;
}

/* The level for a piece of ${n} bytes. Only one for which there was no end of input tells what the bottleneck is. */
static int level_for(struct session *s, size_t n)
{
	if (s->config->level != SQUASH_ANY_LEVEL)
		return s->config->level;
	if (n >= session_squash_window(s))
		squash_gauge_note(&s->squash.gauge, !link_is_free(s), s->now);
	return squash_gauge_level(&s->squash.gauge);
}

static int seal_body(struct session *s, size_t len)
{
	s->wire->data_prefix(s, s->out + s->out_tail + 4, DATA_SQUASHED);
	if (session_seal(s, s->wire->prefix + len) < 0)
		return -1;
	s->messages_sent++;
	s->squashed_to += len;
	return 0;
}

static int failed(struct session *s)
{
	return session_fail(s, CLOSE_PROTOCOL, ERROR_IO, BLAME_LOCAL, "compression failed");
}

static uint8_t *next_body(struct session *s)
{
	return s->out + s->out_tail + 4 + s->wire->prefix;
}

/* One piece, in as many records as it takes. */
static int seal_piece(struct session *s, int level, size_t n, bool last)
{
	struct squash *z = &s->squash;
	size_t room = session_body_room(s, 0), len = 0;
	int rc = last ? squash_last_piece(z, level, s->squash_buf, n, next_body(s), room, &len)
		      : squash_piece(z, level, s->squash_buf, n, next_body(s), room, &len);

	for (;;) {
		if (rc < 0)
			return failed(s);
		if (seal_body(s, len) < 0)
			return -1;
		if (rc == 0)
			return 0;
		rc = squash_rest(z, next_body(s), session_body_room(s, 0), &len);
	}
}

static int seal_pair(struct session *s, int level, size_t n)
{
	size_t first = (n + 1) / 2, len = 0;
	int rc = 1;

	if (squash_beside(&s->squash, s->aide, level, s->squash_buf + first, n - first, s->squash_buf + 2 * SQUASH_PLAIN) < 0)
		return failed(s);
	rc = seal_piece(s, level, first, true);
	s->aide->finish(s->aide);
	if (rc < 0)
		return -1;
	do {
		rc = squash_beside_rest(&s->squash, next_body(s), session_body_room(s, 0), &len);
		if (rc < 0)
			return failed(s);
		if (seal_body(s, len) < 0)
			return -1;
	} while (rc > 0);
	return 0;
}

void session_seal_squashed(struct session *s, size_t n)
{
	int level = level_for(s, n);

	if ((n > SQUASH_PLAIN ? seal_pair(s, level, n) : seal_piece(s, level, n, false)) < 0)
		return;
	s->sent += n;
	s->squashed_from += n;
}
