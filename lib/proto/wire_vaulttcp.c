/*
 * vault-tcp: the raw wire of Vault TCP (Python): a Noise handshake without any framing, then frames
 * of u32 length and one Noise transport message. There is no hello, no end marker and no receipt: a
 * FIN between two frames is all that says "end", and a cut at that place looks the same.
 *
 * Its other implementation reads each handshake message with a single recv(), so each of ours is one
 * write, and nothing may follow a handshake message too soon (the pause).
 *
 * Where the responder says the last handshake message, the initiator is proven only by its first frame that
 * opens: whoever repeats a first message, or knows nothing but a public key, gets as far. So the responder is
 * ready only then. An initiator that has a key proves it soon, by an empty message if there is nothing to say.
 * One that has none may be waiting for our data, and has nothing to prove: it is served when it has said nothing
 * for a while (unless we only receive). What comes from it meanwhile, or an end, shows that it is none of ours.
 */
#include <string.h>

#include "wire.h"

#define SILENT_MS 500 /* who sends more than a first message by chance has done so by then, or left */

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

static int64_t silence(const struct session *s)
{
	int64_t most = s->config->handshake_ms / 2;

	return most > 0 && most < SILENT_MS ? most : SILENT_MS;
}

/* A client knows the server's key before it says its last; a server judges when all is said. */
static void raw_handshake(struct session *s)
{
	bool initiator = s->config->handshake.initiator;

	if (!session_shake_hands(s))
		return;
	s->peer.authenticated = noise_protocol_proves_peer(&s->protocol, initiator);
	begin_pause(s);
	s->proof_at = s->now + (initiator ? s->config->pause_ms : silence(s));
	if (initiator)
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
	} else if (s->peer.authenticated)
		become_ready(s);
}

/* ---- who is unproven ---- */

/* Are we, to the peer? (A probe wants nothing but its answer.) */
static bool must_prove(const struct session *s)
{
	return s->config->handshake.initiator && s->ready && s->messages_sent == 0 && !s->config->probe && !s->peer_eof &&
	    !noise_protocol_proves_peer(&s->protocol, false);
}

static bool must_prove_soon(const struct session *s)
{
	return must_prove(s) && noise_protocol_needs_static(&s->protocol, true);
}

/* (Whoever only sends, and has nothing to send, has a session all the same.) */
static bool must_prove_now(const struct session *s)
{
	return (must_prove_soon(s) && s->now >= s->proof_at) || (must_prove(s) && s->eof_want && s->stop_want);
}

static void prove(struct session *s)
{
	if (must_prove_now(s) && session_room(s) >= SESSION_OVERHEAD(s->wire) && session_seal(s, 0) == 0)
		s->messages_sent++;
}

/* Is the peer, and may it be one that waits for our data? */
static bool may_be_silent(const struct session *s)
{
	return s->judged && !s->ready && !s->peer.has_key && !s->config->send_nothing && s->in_head == s->in_tail && !s->fin;
}

static int raw_odd_frame(struct session *s, uint32_t len)
{
	(void)s;
	(void)len;
	return 0;
}

/* Is an empty message of the peer the first that it says, where that proves it? Then it is none. */
static bool proof_of_peer(const struct session *s)
{
	return !s->config->handshake.initiator && s->messages_received == 0 && !noise_protocol_proves_peer(&s->protocol, false);
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
	if ((n > 0 || (s->config->messages && !proof_of_peer(s))) && !s->stop_want) {
		session_window_add(s, plain, n, false);
	} else {
		s->messages_received++;
		s->received += n;
	}
	if (!s->ready)
		become_ready(s);
	return 0;
}

static void raw_data_prefix(const struct session *s, uint8_t *at, enum data_kind kind)
{
	(void)s;
	(void)at;
	(void)kind;
}

/*
 * A FIN between two frames is the only end there is; inside of one, or a reset, is none. Nor is it one if the
 * peer has never shown that it is what it claims to be; who claims nothing may have come for our data.
 */
static bool raw_ends_by_fin(struct session *s)
{
	if (s->wire_dead || s->in_head != s->in_tail)
		return s->peer_eof;
	if (!s->peer.authenticated && (s->peer.has_key || s->sent == 0))
		return false;
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
	/* (Where an empty message may be a proof, it says nothing else.) */
	bool spoken = s->sent > 0 ||
	    (s->config->messages && s->messages_sent > 0 && noise_protocol_proves_peer(&s->protocol, false));

	return spoken || s->stop_want || s->peer_eof;
}

static void raw_control(struct session *s)
{
	prove(s);
	if (s->eof_want && s->out_head == s->out_tail && may_end(s) && !must_prove_now(s))
		s->eof_sent = true;
}

static bool raw_all_said(const struct session *s)
{
	return s->eof_sent;
}

/* Whoever takes nothing need not wait for the end of what it does not take. */
static bool raw_all_heard(const struct session *s)
{
	if (s->stop_want)
		return s->peer.authenticated || !s->peer.has_key;
	return s->peer_eof && s->receipt_want;
}

static bool raw_may_send(const struct session *s)
{
	return s->ready && !s->eof_want && s->now >= s->quiet_until;
}

static void raw_tick(struct session *s)
{
	if (may_be_silent(s) && s->now >= s->proof_at)
		become_ready(s);
	raw_control(s);
}

static int64_t raw_deadline(const struct session *s)
{
	bool pause = s->ready && !s->eof_want && s->now < s->quiet_until;
	bool proof = s->now < s->proof_at && (must_prove_soon(s) || may_be_silent(s));

	if (pause && (!proof || s->quiet_until < s->proof_at))
		return s->quiet_until;
	return proof ? s->proof_at : -1;
}

#define RAW_MEMBERS \
	.prefix = RAW_PREFIX, .body_max = RAW_BODYMAX, .judged = raw_judged, .odd_frame = raw_odd_frame, .record = raw_record, \
	.data_prefix = raw_data_prefix, .control = raw_control, .all_said = raw_all_said, .all_heard = raw_all_heard, \
	.may_send = raw_may_send, .empty_proves = must_prove, .ends_by_fin = raw_ends_by_fin, .tick = raw_tick, .deadline = raw_deadline

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
