/* vault/1: the native wire (the records of section 3, from the peer). */
#include <string.h>

#include "bigendian.h"
#include "wire_vault1.h"

/* ---- handshake ---- */

static void v1_handshake(struct session *s)
{
	if (session_shake_hands(s) && s->config->handshake.initiator)
		v1_greet(s);
}

static void v1_judged(struct session *s, const char *refusal)
{
	if (refusal) {
		session_fail(s, s->phase == PHASE_RUN ? CLOSE_UNAUTHORIZED : 0, ERROR_AUTH, BLAME_AUTH, "%s", refusal);
		return;
	}
	if (s->config->handshake.initiator) {
		handshake_judged(&s->desk->handshake);
		v1_handshake(s);
		return;
	}
	s->ready = true;
	v1_greet(s);
	v1_agreed(s);
}

/* Before READY a refusal may stand where a frame is expected. */
static int v1_odd_frame(struct session *s, uint32_t len)
{
	bool waiting = s->config->handshake.initiator && !s->ready && !s->peer.authenticated;

	if (len != 0 || !waiting || !handshake_initiator_last(&s->protocol))
		return 0;
	if (s->in_tail - s->in_head < 5)
		return 1;
	handshake_told(&s->config->handshake, &s->protocol, s->in[s->in_head + 4], &s->error);
	session_fail(s, 0, ERROR_NETWORK, BLAME_PEER, "refused");
	return 1;
}

/* ---- records ---- */

static int bad(struct session *s, const char *what)
{
	return session_fail(s, CLOSE_PROTOCOL, ERROR_PROTOCOL, BLAME_PEER, "protocol error by the peer: %s", what);
}

static bool is_of_handshake(const struct session *s, const uint8_t identity[KEY_BYTES])
{
	uint8_t x[KEY_BYTES];
	struct key key = {.form = KEY_PUBLIC};

	if (!s->peer.has_key || s->protocol.dh != DH_25519)
		return false;
	if (s->config->paired && s->config->paired(s->config->paired_owner, identity, s->peer.key))
		return true;
	memcpy(key.bytes, identity, KEY_BYTES);
	return key_x25519_public(x, &key) == KEYTEXT_OK && memcmp(x, s->peer.key, KEY_BYTES) == 0;
}

/* OPEN and READY hold the same map. */
static int take_params(struct session *s, const uint8_t *body, size_t n, struct params *p)
{
	const char *why;

	if (params_decode(p, body, n, &why) < 0)
		return bad(s, why);
	if (p->has_identity) {
		if (!is_of_handshake(s, p->identity))
			return bad(s, "its identity is not the key of its handshake");
		s->peer.has_identity = true;
		memcpy(s->peer.identity, p->identity, sizeof s->peer.identity);
	}
	s->peer.throwaway = p->throwaway;
	s->peer.probe = p->probe;
	s->peer.remember = p->remember;
	memcpy(s->peer.software, p->software, sizeof s->peer.software);
	/* (A probe carries no data, and the buffers for it are lent to the session that is served.) */
	s->compress = v1_can_compress(s) && p->compress && !p->probe && !s->config->probe;
	s->messages = s->config->messages && p->messages;
	s->keepalive = v1_keepalive(s, p->keepalive);
	return 0;
}

static int on_open(struct session *s, const uint8_t *body, size_t n)
{
	struct params p;

	if (s->config->handshake.initiator || s->judged)
		return bad(s, "OPEN out of place");
	if (take_params(s, body, n, &p) < 0)
		return -1;
	s->judging = true;
	return 0;
}

static int on_ready(struct session *s, const uint8_t *body, size_t n)
{
	struct params p;

	if (!s->config->handshake.initiator || s->ready)
		return bad(s, "READY out of place");
	if (take_params(s, body, n, &p) < 0)
		return -1;
	s->peer.probe = false;
	s->ready = true;
	v1_agreed(s);
	return 0;
}

static int on_data(struct session *s, uint8_t *body, size_t n, bool more)
{
	if (s->peer_eof)
		return bad(s, "data after its end of data");
	if (more && !s->messages)
		return bad(s, "PART without agreed message boundaries");
	if (s->peer.probe)
		return bad(s, "data in a probe");
	if (s->stop_want || s->config->probe) {
		s->received += n; /* on its way when we said STOP: counted, not kept */
		return 0;
	}
	/* Among messages even an empty one says something: itself, or the end of the parts before it. */
	if (n > 0 || s->messages)
		session_window_add(s, body, n, more);
	return 0;
}

static int on_zdata(struct session *s, uint8_t *plain, size_t n)
{
	const char *why;
	size_t len = 0;

	if (!s->compress)
		return bad(s, "compressed data without agreement");
	if (s->peer.probe)
		return bad(s, "data in a probe");
	if (s->unsquash_busy) {
		s->held = plain;
		s->held_len = n;
		return 0;
	}
	if (unsquash_piece(&s->unsquash, plain + 1, n - 1, s->unsquash_buf, SQUASH_PLAIN, &len, &why) < 0)
		return session_fail(s, CLOSE_PROTOCOL, ERROR_PROTOCOL, BLAME_PEER, "compressed data from the peer: %s", why);
	if (on_data(s, s->unsquash_buf, len, false) < 0)
		return -1;
	s->unsquash_busy = len > 0 && !s->stop_want && !s->config->probe;
	return 0;
}

static int on_eof(struct session *s, const uint8_t *body, size_t n)
{
	if (n != 8)
		return bad(s, "EOF of wrong length");
	if (s->peer_eof)
		return bad(s, "a second EOF");
	if (be_get64(body) != s->received)
		return bad(s, "its count of bytes sent is not what arrived");
	s->peer_eof = true;
	if (!s->stop_want)
		s->finishing = true;
	if (s->peer.probe)
		session_receipt(s, RECEIPT_DONE, 0);
	return 0;
}

/* How the peer's report about its output is told to a person. Status 0 needs no words. */
static void report(struct session *s, const char *what)
{
	if (s->peer.status == RECEIPT_CHILD && s->peer.detail != 0)
		session_note(s, ERROR_PEER, BLAME_PEER, "the peer's command ended with status %u", s->peer.detail);
	else if (s->peer.status != RECEIPT_DONE && s->peer.status != RECEIPT_CHILD)
		session_note(s, ERROR_PEER, BLAME_PEER, "%s", what);
}

static int on_receipt(struct session *s, const uint8_t *body, size_t n)
{
	if (n != 10)
		return bad(s, "RECEIPT of wrong length");
	if (!s->eof_sent || s->peer.receipted)
		return bad(s, "RECEIPT out of place");
	s->peer.receipted = true;
	if (s->peer.stopped)
		return 0; /* crossed with our EOF: the STOP has said it all */
	s->peer.status = body[8];
	s->peer.detail = body[9];
	if ((s->peer.status == RECEIPT_DONE || (s->peer.status == RECEIPT_CHILD && s->peer.detail == 0)) &&
	    be_get64(body) != s->sent)
		return bad(s, "its receipt is for another number of bytes than were sent");
	s->confirmed = be_get64(body) < s->sent ? be_get64(body) : s->sent;
	report(s, "the peer could not write out what was sent (its output failed)");
	return 0;
}

static int on_stop(struct session *s, const uint8_t *body, size_t n)
{
	uint64_t written;
	bool missed;

	if (n != 10)
		return bad(s, "STOP of wrong length");
	if (s->peer.stopped || s->peer.receipted)
		return bad(s, "STOP out of place");
	written = be_get64(body);
	if (written > s->sent)
		return bad(s, "STOP counts more bytes than were sent");
	s->peer.stopped = true;
	s->peer.status = body[8];
	s->peer.detail = body[9];
	s->eof_want = true;
	/* It takes nothing, and how much was sent before we heard of it is chance. */
	if (s->peer.status == RECEIPT_DONE && s->peer.detail == STOP_ONE_WAY && s->config->spare_output)
		return 0;
	/* What was sent and not taken is lost, unless a command that was given it says that it is content. */
	missed = s->sent > written || (s->messages && s->messages_sent > 0 && s->peer.detail == STOP_ONE_WAY);
	if (s->peer.status == RECEIPT_DONE && missed)
		session_note(s, ERROR_PEER, BLAME_PEER, "the peer took only %llu of %llu bytes%s", (unsigned long long)written,
		    (unsigned long long)s->sent, s->peer.detail == STOP_ONE_WAY ? " (it only sends)" : " and wants no more");
	else if (s->peer.status != RECEIPT_FAILED || s->sent > written || !s->eof_sent)
		report(s, "the peer's output failed or its reader went away");
	return 0;
}

static const struct {
	enum error_code code;
	const char *text;
} close_meaning[] = {
    [0] = {ERROR_PROTOCOL, "the peer closed the session for an unknown reason"},
    [CLOSE_UNAUTHORIZED] = {ERROR_AUTH,
	"the peer does not accept this side's key: add it to the peer's authorized_keys"},
    [CLOSE_BUSY] = {ERROR_NETWORK, "the peer is busy or at a limit"},
    [CLOSE_SHUTDOWN] = {ERROR_TRUNCATED, "the peer is shutting down"},
    [CLOSE_PROTOCOL] = {ERROR_PROTOCOL, "the peer reports a protocol error"},
    [CLOSE_OUTPUT] = {ERROR_PEER, "the peer's output failed or its reader went away"},
    [CLOSE_TIMEOUT] = {ERROR_TIMEOUT, "timeout: the peer gave up waiting"},
    [CLOSE_INTERRUPTED] = {ERROR_TRUNCATED, "the peer was interrupted"},
};

/* What can be done about it depends on what we have shown. */
static const char *unauthorized(const struct session *s)
{
	if (!noise_protocol_needs_static(&s->protocol, s->config->handshake.initiator))
		return "the peer accepts only keys that it knows, and this side shows none in this protocol: use another --protocol";
	if (s->protocol.dh != DH_25519)
		return "the peer accepts only keys that it knows, and a 448 key is made for each run: use a --protocol with 25519";
	if (s->config->throwaway)
		return "the peer does not accept this side's key, which is a throw-away one: make one that lasts with vault-keygen, "
		       "and add it to the peer's authorized_keys";
	return close_meaning[CLOSE_UNAUTHORIZED].text;
}

static int on_close(struct session *s, const uint8_t *body, size_t n)
{
	const char *text;
	unsigned code;
	size_t len;

	if (n < 2)
		return bad(s, "CLOSE of wrong length");
	code = be_get16(body);
	if (code >= sizeof close_meaning / sizeof close_meaning[0])
		code = 0;
	text = code == CLOSE_UNAUTHORIZED ? unauthorized(s) : close_meaning[code].text;
	len = n - 2 < 200 ? n - 2 : 200;
	if (len > 0)
		session_fail(s, 0, close_meaning[code].code, BLAME_PEER, "%s (%.*s)", text, (int)len, (const char *)body + 2);
	return session_fail(s, 0, close_meaning[code].code, BLAME_PEER, "%s", text);
}

static int on_ping(struct session *s, const uint8_t *body, size_t n, bool pong)
{
	if (n != 8)
		return bad(s, "PING or PONG of wrong length");
	if (!pong) {
		s->pong_want = true;
		s->pong_value = be_get64(body);
		return 0;
	}
	if (s->pings == 0 || be_get64(body) != s->ping_value)
		return bad(s, "PONG without PING");
	if (s->pings-- == 1)
		s->rtt_ms = s->now - s->ping_at;
	if (s->confirmed < s->ping_mark) /* (a receipt may have been faster) */
		s->confirmed = s->ping_mark;
	if (s->config->probe) {
		session_stop(s, RECEIPT_DONE, STOP_ONE_WAY);
		s->eof_want = true;
	}
	return 0;
}

static int on_rekey(struct session *s, size_t n)
{
	if (n != 0)
		return bad(s, "REKEY of wrong length");
	if (noise_cipher_rekey(&s->rx) != NOISE_OK)
		return session_fail(s, 0, ERROR_PROTOCOL, BLAME_LOCAL, "rekey failed");
	return 0;
}

/* Nothing but OPEN or CLOSE may come before OPEN, nothing but READY or CLOSE before READY. */
static bool in_order(const struct session *s, uint8_t type)
{
	if (type == V1_CLOSE)
		return true;
	if (s->config->handshake.initiator)
		return s->ready || type == V1_READY;
	return s->judged || type == V1_OPEN;
}

static int v1_record(struct session *s, uint8_t *plain, size_t n)
{
	uint8_t type = plain[0], *body = plain + 1;
	size_t len = n - 1;

	if (!in_order(s, type))
		return bad(s, s->config->handshake.initiator ? "its first record is not READY" : "its first record is not OPEN");
	switch (type) {
	case V1_DATA:
	case V1_PART:
		return on_data(s, body, len, type == V1_PART);
	case V1_ZDATA:
		return on_zdata(s, plain, n);
	case V1_EOF:
		return on_eof(s, body, len);
	case V1_CLOSE:
		return on_close(s, body, len);
	case V1_PING:
	case V1_PONG:
		return on_ping(s, body, len, type == V1_PONG);
	case V1_REKEY:
		return on_rekey(s, len);
	case V1_RECEIPT:
		return on_receipt(s, body, len);
	case V1_STOP:
		return on_stop(s, body, len);
	case V1_READY:
		return on_ready(s, body, len);
	case V1_OPEN:
		return on_open(s, body, len);
	default:
		return type < V1_IGNORED ? bad(s, "an unknown type of record") : 0;
	}
}

static bool v1_all_said(const struct session *s)
{
	return s->eof_sent && (s->receipt_sent || s->stop_sent);
}

/* In one-way modes only the direction in use counts. */
static bool v1_all_heard(const struct session *s)
{
	bool confirmed = s->peer.receipted || s->peer.stopped || (s->config->send_nothing && s->sent == 0);

	return confirmed && (s->peer_eof || (s->config->take_nothing && s->stop_sent));
}

/*
 * With compression on offer the first data waits for the answer: one round trip, better ratio. With
 * message boundaries on offer it must: before the answer nobody knows whether they can be told.
 */
static bool v1_may_send(const struct session *s)
{
	const struct session_config *c = s->config;

	if (s->eof_want || c->probe || s->peer.probe || !s->greeted)
		return false;
	return s->ready || (c->handshake.initiator && !c->compress && !c->messages && !c->wait_ready);
}

const struct wire wire_vault1 = {
    .name = "vault1",
    .prefix = V1_PREFIX,
    .body_max = V1_BODYMAX,
    .tells = true,
    .rekey_bytes = V1_REKEY_BYTES,
    .rekey_records = V1_REKEY_RECORDS,
    .start = session_start_hands,
    .handshake = v1_handshake,
    .judged = v1_judged,
    .odd_frame = v1_odd_frame,
    .record = v1_record,
    .data_prefix = v1_data_prefix,
    .control = v1_control,
    .all_said = v1_all_said,
    .all_heard = v1_all_heard,
    .may_send = v1_may_send,
    .tick = v1_tick,
    .deadline = v1_deadline,
};
