/*
 * pair: two sessions joined in memory, for the tests of the stream engine.
 *
 * Each side has a session, an application (input to send, output that arrived) and a cable to the
 * other side. Chunk sizes, faults and the clock are chosen by the test; randomness is a counter, so
 * every run of a test moves the same bytes. pair_run() moves all that can be moved without the clock.
 */
#ifndef PAIR_H
#define PAIR_H

#include <limits.h>
#include <sodium.h>

#include "crypto/keytext.h"
#include "proto/bigendian.h"
#include "proto/wire_vault1.h"
#include "unit.h"

#define ALL SIZE_MAX

/* One way of the transport. */
struct cable {
	uint8_t *bytes;
	size_t head, tail, cap;
	size_t withheld;    /* so many of the last bytes are still on their way */
	size_t cut_at;	    /* the transport ends after so many bytes */
	size_t flip_at;	    /* this byte is changed by ${flip} on its way */
	uint8_t flip;
	bool shut, stalled; /* the sender has shut it down; nothing is taken now */
	bool fin_told;
};

struct side {
	struct session s;
	struct session_config config;
	struct session_desk desk;
	struct cable cable; /* what this side sends */
	uint8_t *in, *out, *squash;
	size_t in_cap, out_cap;
	size_t wire_in, wire_out, app_in, app_out; /* most bytes at a time */
	int windows;				   /* most windows at a time */
	/* application */
	const uint8_t *input;
	size_t input_len, input_pos;
	bool stay_open; /* do not say session_end() when the input is used up */
	bool deaf;	/* do not read from the session */
	uint8_t *got;
	size_t got_len, got_cap;
	bool hold_judge, hold_receipt, ended, finished, opened;
	const char *refusal;
	enum session_receipt_status status;
	uint8_t detail;
	/* keys */
	uint8_t secret[32], public[32], identity[32];
};

struct pair {
	struct side side[2]; /* initiator, responder */
	int64_t now;
	uint8_t psk[32];
	const char *allowed[2];
};

/* ---- injected randomness ---- */

static uint64_t pair_counter;

static inline void pair_fill(void *ctx, uint8_t *buf, size_t n)
{
	uint8_t seed[randombytes_SEEDBYTES] = {0};

	(void)ctx;
	pair_counter++;
	memcpy(seed, &pair_counter, sizeof(pair_counter));
	randombytes_buf_deterministic(buf, n, seed);
}

static const struct rng pair_rng = {.fill = pair_fill};

/* ---- cables ---- */

static inline void cable_put(struct cable *c, const uint8_t *bytes, size_t n)
{
	if (c->tail + n > c->cap) {
		c->cap = 2 * (c->tail + n);
		c->bytes = realloc(c->bytes, c->cap);
		if (!c->bytes)
			abort();
	}
	if (n > 0)
		memcpy(c->bytes + c->tail, bytes, n);
	if (c->flip_at >= c->tail && c->flip_at < c->tail + n)
		c->bytes[c->flip_at] ^= c->flip;
	c->tail += n;
}

static inline size_t cable_end(const struct cable *c)
{
	size_t end = c->tail - c->withheld;

	return end < c->cut_at ? end : c->cut_at;
}

static inline bool cable_over(const struct cable *c)
{
	return c->head == cable_end(c) && (c->shut || c->tail >= c->cut_at);
}

/* ---- set-up ---- */

static inline void side_keys(struct side *a, uint8_t seed)
{
	struct key secret = {.form = KEY_SECRET}, public;

	memset(secret.bytes, seed, sizeof(secret.bytes));
	CHECK_INT(key_x25519_secret(a->secret, &secret), KEYTEXT_OK);
	CHECK_INT(key_public(&public, &secret), KEYTEXT_OK);
	CHECK_INT(key_x25519_public(a->public, &public), KEYTEXT_OK);
	memcpy(a->identity, public.bytes, sizeof(a->identity));
}

static inline void side_init(struct pair *p, int i)
{
	struct side *a = &p->side[i];

	memset(a, 0, sizeof(*a));
	side_keys(a, (uint8_t)(i + 1));
	a->cable.cut_at = a->cable.flip_at = ALL;
	a->wire_in = a->wire_out = a->app_in = a->app_out = ALL;
	a->windows = 16;
	a->in_cap = a->out_cap = SESSION_FRAMEMAX;
	a->config = (struct session_config){
	    .wire = &wire_vault1,
	    .identity = a->identity,
	    .software = i == 0 ? "first 1" : "second 2",
	    .level = 3,
	    .drain_ms = 5000,
	    .rng = &pair_rng,
	    .handshake = {.initiator = i == 0, .static_secret = a->secret, .rng = &pair_rng},
	};
}

/* Prepare, with the pattern or full name that the initiator speaks and the responder allows. */
static inline void pair_init(struct pair *p, const char *protocol)
{
	struct noise_protocol *np = &p->side[0].config.handshake.protocol;
	int rc;

	memset(p, 0, sizeof(*p));
	pair_counter = 0;
	p->now = 1000;
	side_init(p, 0);
	side_init(p, 1);
	if (strncmp(protocol, "Noise_", 6) == 0)
		rc = noise_protocol_parse(np, protocol, strlen(protocol));
	else
		rc = noise_protocol_from_pattern(np, protocol, DH_25519, AEAD_CHACHAPOLY, HASH_SHA512);
	CHECK_INT(rc, NOISE_OK);
	p->allowed[0] = np->name;
	p->side[1].config.handshake.allowed = p->allowed;
	p->side[1].config.handshake.allowed_count = 1;
	memset(p->psk, 9, sizeof(p->psk));
	if (noise_protocol_psk_count(np) > 0)
		p->side[0].config.handshake.psk = p->side[1].config.handshake.psk = p->psk;
	if (noise_protocol_needs_remote(np, true))
		p->side[0].config.handshake.remote_static = p->side[1].public;
	if (noise_protocol_needs_remote(np, false))
		p->side[1].config.handshake.remote_static = p->side[0].public;
}

static inline void *need(size_t n)
{
	void *at = malloc(n);

	if (!at)
		abort();
	return at;
}

static inline int side_start(struct pair *p, int i)
{
	struct side *a = &p->side[i];

	a->in = need(a->in_cap);
	a->out = need(a->out_cap);
	a->squash = need(SQUASH_PLAIN + (a->config.aide ? SQUASH_PAIR : SQUASH_PLAIN));
	a->config.unsquash_buf = a->squash;
	a->config.squash_buf = a->squash + SQUASH_PLAIN;
	return session_start(&a->s, &a->config, &a->desk, a->in, a->in_cap, a->out, a->out_cap, p->now);
}

static inline void pair_start(struct pair *p)
{
	CHECK_INT(side_start(p, 0), 0);
	CHECK_INT(side_start(p, 1), 0);
}

static inline void pair_free(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct side *a = &p->side[i];

		session_free(&a->s);
		free(a->in);
		free(a->out);
		free(a->squash);
		free(a->got);
		free(a->cable.bytes);
	}
}

static inline void side_input(struct side *a, const void *bytes, size_t n)
{
	a->input = bytes;
	a->input_len = n;
}

/* ---- one step of one side; each returns whether anything moved ---- */

static inline size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline bool move_out(struct side *a)
{
	size_t len;
	const uint8_t *at = session_send_wire_buf(&a->s, &len);

	if (a->cable.stalled)
		return false;
	CHECK(at != NULL && len > 0);
	len = least(len, a->wire_out);
	cable_put(&a->cable, at, len);
	session_send_wire_ack(&a->s, len);
	return true;
}

static inline bool move_in(struct side *a, struct cable *from)
{
	size_t len, have = cable_end(from) - from->head;
	uint8_t *at;

	if (have == 0) {
		if (!cable_over(from) || from->fin_told)
			return false;
		from->fin_told = true;
		session_fin(&a->s);
		return true;
	}
	at = session_recv_wire_buf(&a->s, &len);
	CHECK(at != NULL && len > 0);
	len = least(least(len, have), a->wire_in);
	memcpy(at, from->bytes + from->head, len);
	from->head += len;
	session_recv_wire_ack(&a->s, len);
	return true;
}

static inline bool move_input(struct side *a)
{
	struct iovec iov[64];
	int count = session_send_app_iov(&a->s, iov, a->windows);
	size_t done = 0, left = least(a->input_len - a->input_pos, a->app_in);

	CHECK(count > 0);
	for (int i = 0; i < count && done < left; i++) {
		size_t n = least(iov[i].iov_len, left - done);

		memcpy(iov[i].iov_base, a->input + a->input_pos + done, n);
		done += n;
	}
	a->input_pos += done;
	session_send_app_ack(&a->s, done);
	return done > 0;
}

static inline bool move_output(struct side *a)
{
	struct iovec iov[64];
	int count = session_recv_app_iov(&a->s, iov, a->windows);
	size_t done = 0;

	CHECK(count > 0);
	for (int i = 0; i < count && done < a->app_out; i++) {
		size_t n = least(iov[i].iov_len, a->app_out - done);

		if (a->got_len + n > a->got_cap) {
			a->got_cap = 2 * (a->got_len + n);
			a->got = realloc(a->got, a->got_cap);
			if (!a->got)
				abort();
		}
		if (n > 0)
			memcpy(a->got + a->got_len, iov[i].iov_base, n);
		a->got_len += n;
		done += n;
	}
	session_recv_app_ack(&a->s, done);
	return done > 0;
}

/* The application: input, output, the verbs that the state asks for. */
static inline bool step_app(struct side *a)
{
	unsigned state = session_state(&a->s);
	bool moved = false;

	if (state & SESSION_READY)
		a->opened = true;
	if ((state & SESSION_SEND_APP) && a->input_pos < a->input_len)
		moved |= move_input(a);
	if (!a->stay_open && !a->ended && (a->input_pos == a->input_len || (state & SESSION_INPUT_DONE))) {
		a->ended = moved = true;
		session_end(&a->s);
	}
	if ((session_state(&a->s) & SESSION_RECV_APP) && !a->deaf)
		moved |= move_output(a);
	if ((session_state(&a->s) & SESSION_FINISH_APP) && !a->hold_receipt) {
		CHECK(!a->finished);
		a->finished = moved = true;
		session_receipt(&a->s, a->status, a->detail);
	}
	return moved;
}

static inline bool step_wire(struct side *a, struct cable *from)
{
	unsigned state = session_state(&a->s);
	bool moved = false;

	if ((state & SESSION_CLOSED) || (state & SESSION_SHUT_WIRE)) {
		CHECK(!(state & SESSION_CLOSED) || state == SESSION_CLOSED);
		moved = !a->cable.shut;
		a->cable.shut = true;
		if (state & SESSION_CLOSED)
			return moved;
	}
	if (state & SESSION_SEND_WIRE) {
		CHECK(!a->cable.shut);
		moved |= move_out(a);
	}
	if (session_state(&a->s) & SESSION_RECV_WIRE)
		moved |= move_in(a, from);
	return moved;
}

static inline bool pair_step_side(struct pair *p, int i)
{
	struct side *a = &p->side[i];
	bool moved = false;

	session_tick(&a->s, p->now);
	if ((session_state(&a->s) & SESSION_JUDGE) && !a->hold_judge) {
		session_judge(&a->s, a->refusal);
		moved = true;
	}
	moved |= step_wire(a, &p->side[!i].cable);
	if (!(session_state(&a->s) & SESSION_CLOSED))
		moved |= step_app(a);
	return moved;
}

/* Move until nothing moves at this moment. */
static inline void pair_run(struct pair *p)
{
	bool moved = true;

	while (moved) {
		moved = pair_step_side(p, 0);
		moved |= pair_step_side(p, 1);
	}
}

static inline bool side_closed(const struct side *a)
{
	return session_state(&a->s) == SESSION_CLOSED;
}

/* The next time at which one of them wants to be asked, or -1. */
static inline int64_t pair_deadline(const struct pair *p)
{
	int64_t next = -1;

	for (int i = 0; i < 2; i++) {
		int64_t at = session_deadline(&p->side[i].s);

		if (!side_closed(&p->side[i]) && at >= 0 && (next < 0 || at < next))
			next = at;
	}
	return next;
}

/* Go on to the end, led by the deadlines alone. False if they lead nowhere. */
static inline bool pair_finish(struct pair *p)
{
	for (int i = 0; i < 1000; i++) {
		int64_t next;

		pair_run(p);
		if (side_closed(&p->side[0]) && side_closed(&p->side[1]))
			return true;
		next = pair_deadline(p);
		if (next <= p->now)
			return false;
		p->now = next;
	}
	return false;
}

/* Both sides with nothing to send yet and their directions open: the session stands. */
static inline void pair_open(struct pair *p)
{
	p->side[0].stay_open = p->side[1].stay_open = true;
	pair_start(p);
	pair_run(p);
	CHECK(session_state(&p->side[0].s) & SESSION_READY);
	CHECK(session_state(&p->side[1].s) & SESSION_READY);
}

static inline enum error_code side_code(const struct side *a)
{
	return session_error(&a->s)->code;
}

/* A record of our own making from ${a}, as if its session had said it. */
static inline void forge(struct side *a, uint8_t type, const void *body, size_t n)
{
	uint8_t frame[SESSION_FRAMEMAX];

	frame[4] = type;
	if (n > 0)
		memcpy(frame + 5, body, n);
	CHECK_INT(noise_cipher_seal(&a->s.tx, frame + 4, 1 + n, frame + 4), NOISE_OK);
	be_put32(frame, (uint32_t)(1 + n + AEAD_TAGBYTES));
	cable_put(&a->cable, frame, 4 + 1 + n + AEAD_TAGBYTES);
}

#endif
