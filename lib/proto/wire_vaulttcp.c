/*
 * vault-tcp: the raw wire of Vault TCP (Python): a Noise handshake without any framing, then frames
 * of u32 length and one Noise transport message. There is no hello, no end marker and no receipt: a
 * FIN between two frames is all that says "end", and a cut at that place looks the same.
 *
 * Its other implementation reads each handshake message with a single recv(), so each of ours is one
 * write, and nothing may follow a handshake message too soon (the pause).
 */
#include <string.h>

#include "wire.h"

#define RAW_BODYMAX (NOISE_MAXMSG - AEAD_TAGBYTES)

/* The side that said the last handshake message must let it arrive alone. */
static void begin_pause(struct session *s)
{
	if (handshake_initiator_last(&s->protocol) != s->config->handshake.initiator || s->config->pause_ms == 0)
		return;
	s->quiet_until = s->now + s->config->pause_ms;
	s->pausing = true;
}

static void become_ready(struct session *s)
{
	s->ready = s->greeted = true;
	if (s->config->take_nothing)
		session_stop(s, RECEIPT_DONE, STOP_ONE_WAY);
	if (s->config->probe) {
		s->eof_want = true;
		session_stop(s, RECEIPT_DONE, STOP_ONE_WAY);
	}
}

/* A client knows the server's key before it says its last; a server judges when all is said. */
static void raw_handshake(struct session *s)
{
	if (!session_shake_hands(s))
		return;
	s->peer.authenticated = true;
	begin_pause(s);
	if (s->config->handshake.initiator)
		become_ready(s);
	else
		s->judging = true;
}

static void raw_judged(struct session *s, const char *refusal)
{
	if (refusal)
		session_fail(s, 0, ERROR_AUTH, BLAME_AUTH, "%s", refusal);
	else if (s->config->handshake.initiator) {
		handshake_judged(&s->desk->handshake);
		raw_handshake(s);
	} else
		become_ready(s);
}

static int raw_odd_frame(struct session *s, uint32_t len)
{
	(void)s;
	(void)len;
	return 0;
}

static int raw_record(struct session *s, uint8_t *plain, size_t n)
{
	if (s->config->max_message > 0 && n > s->config->max_message)
		return session_fail(s, 0, ERROR_PROTOCOL, BLAME_PEER,
		    "the peer sent a message of %zu bytes, more than --max-message-size", n);
	if (s->pausing) /* it has read our last handshake message, since it speaks */
		s->quiet_until = s->now;
	s->pausing = false;
	s->last_data = s->now;
	if (n > 0 && !s->stop_want) {
		session_window_add(s, plain, n, false);
		return 0;
	}
	s->messages_received++;
	s->received += n;
	return 0;
}

static void raw_data_prefix(const struct session *s, uint8_t *at, enum data_kind kind)
{
	(void)s;
	(void)at;
	(void)kind;
}

/* A FIN between two frames is the only end there is; inside of one, or a reset, is none. */
static bool raw_ends_by_fin(struct session *s)
{
	if (s->wire_dead || s->in_head != s->in_tail)
		return s->peer_eof;
	s->peer_eof = true;
	if (!s->stop_want)
		s->finishing = true;
	return true;
}

/*
 * Vault TCP takes an end for that of both directions and leaves. So a side that has said nothing does not
 * end first, or it would send away a peer that it wants to hear (unless it does not).
 */
static bool may_end(const struct session *s)
{
	return s->sent > 0 || s->stop_want || s->peer_eof;
}

static void raw_control(struct session *s)
{
	if (s->eof_want && s->out_head == s->out_tail && may_end(s))
		s->eof_sent = true;
}

static bool raw_all_said(const struct session *s)
{
	return s->eof_sent;
}

/* Whoever takes nothing need not wait for the end of what it does not take. */
static bool raw_all_heard(const struct session *s)
{
	return s->stop_want || (s->peer_eof && s->receipt_want);
}

static bool raw_may_send(const struct session *s)
{
	return s->ready && !s->eof_want && s->now >= s->quiet_until;
}

static void raw_tick(struct session *s)
{
	raw_control(s);
}

static int64_t raw_deadline(const struct session *s)
{
	return s->ready && !s->eof_want && s->now < s->quiet_until ? s->quiet_until : -1;
}

#define RAW_MEMBERS \
	.prefix = 0, .body_max = RAW_BODYMAX, .judged = raw_judged, .odd_frame = raw_odd_frame, .record = raw_record, \
	.data_prefix = raw_data_prefix, .control = raw_control, .all_said = raw_all_said, .all_heard = raw_all_heard, \
	.may_send = raw_may_send, .ends_by_fin = raw_ends_by_fin, .tick = raw_tick, .deadline = raw_deadline

static int raw_start(struct session *s)
{
	s->idle_ms = s->config->raw_idle_ms;
	return session_start_hands(s);
}

const struct wire wire_vaulttcp = {
    .name = "vault-tcp",
    .start = raw_start,
    .handshake = raw_handshake,
    RAW_MEMBERS,
};

/* ---- auto ---- */

/*
 * The first bytes decide: the magic of vault/1, or anything else. A raw client begins with a random
 * public key, which is the magic once in 2^32; it is then refused as a vault/1 client that makes no
 * sense, and may try again.
 */
static void auto_handshake(struct session *s)
{
	size_t have = s->in_tail - s->in_head, n = have < 4 ? have : 4;

	if (memcmp(s->in + s->in_head, HANDSHAKE_MAGIC, n) != 0)
		s->wire = &wire_vaulttcp;
	else if (n == 4)
		s->wire = &wire_vault1;
	else
		return;
	if (s->wire->start(s) < 0) {
		s->phase = PHASE_CLOSED;
		return;
	}
	s->wire->handshake(s);
}

static int auto_start(struct session *s)
{
	(void)s;
	return 0;
}

const struct wire wire_auto = {
    .name = "auto",
    .start = auto_start,
    .handshake = auto_handshake,
    RAW_MEMBERS,
};
