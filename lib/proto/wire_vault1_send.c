/* vault/1: what this side says (records of section 3, closing, keep-alive). */
#include <stdio.h>
#include <string.h>

#include "bigendian.h"
#include "wire_vault1.h"

/* A peer that is silent for so many keep-alive intervals is gone. */
#define SILENT_INTERVALS 3
/* Windows are lent for a whole bulk of records: rekey before the limit could be passed. */
#define REKEY_MARGIN_RECORDS (SESSION_BULK + 16)
#define REKEY_MARGIN_BYTES ((uint64_t)REKEY_MARGIN_RECORDS * V1_BODYMAX)

/* Queue a small record; false if there is no room now. */
static bool say(struct session *s, enum v1_type type, const uint8_t *body, size_t n)
{
	uint8_t *at = s->out + s->out_tail + 4;

	if (session_room(s) < SESSION_OVERHEAD(s->wire) + n)
		return false;
	at[0] = (uint8_t)type;
	if (n > 0)
		memcpy(at + 1, body, n);
	return session_seal(s, 1 + n) == 0;
}

bool v1_can_compress(const struct session *s)
{
	return s->config->compress && s->squash_buf && s->unsquash_buf;
}

void v1_greet(struct session *s)
{
	struct params p = {
	    .compress = s->config->handshake.initiator ? v1_can_compress(s) : s->compress,
	    .messages = s->config->handshake.initiator ? s->config->messages : s->messages,
	    .keepalive = (uint32_t)((s->config->keepalive_ms + 999) / 1000),
	    .throwaway = s->throwaway,
	    .probe = s->config->probe,
	};
	uint8_t map[PARAMS_MAX];
	size_t n;

	/* The peer can check an identity only against a static key of ours in the handshake. */
	if (s->config->identity && s->protocol.dh == DH_25519 &&
	    noise_protocol_peer_has_static(&s->protocol, !s->config->handshake.initiator)) {
		p.has_identity = true;
		memcpy(p.identity, s->config->identity, sizeof p.identity);
	}
	snprintf(p.software, sizeof p.software, "%s", s->config->software ? s->config->software : "");
	n = params_encode(&p, map, sizeof map);
	if (n == 0 || !say(s, s->config->handshake.initiator ? V1_OPEN : V1_READY, map, n)) {
		session_fail(s, 0, ERROR_PROTOCOL, BLAME_LOCAL, "no room for the first record");
		return;
	}
	s->greeted = true;
}

void v1_agreed(struct session *s)
{
	s->last_data = s->now;
	if (s->config->probe)
		s->ping_want = true;
	if (s->peer.probe)
		s->eof_want = true;
	else if (s->config->take_nothing)
		session_stop(s, RECEIPT_DONE, STOP_ONE_WAY);
}

void v1_data_prefix(const struct session *s, uint8_t *at, enum data_kind kind)
{
	if (kind == DATA_SQUASHED)
		at[0] = V1_ZDATA;
	else
		at[0] = kind == DATA_PART && s->messages ? V1_PART : V1_DATA;
}

/* ---- control records, in the order in which they matter ---- */

static bool rekey_due(const struct session *s)
{
	uint64_t bytes = s->config->rekey_bytes, records = s->config->rekey_records;

	if (bytes > 0 || records > 0)
		return (bytes > 0 && s->tx_bytes >= bytes) || (records > 0 && s->tx_records >= records);
	return s->tx_bytes + REKEY_MARGIN_BYTES >= V1_REKEY_BYTES ||
	    s->tx_records + REKEY_MARGIN_RECORDS >= V1_REKEY_RECORDS;
}

static void say_rekey(struct session *s)
{
	if (!say(s, V1_REKEY, NULL, 0))
		return;
	if (noise_cipher_rekey(&s->tx) != NOISE_OK)
		session_fail(s, 0, ERROR_PROTOCOL, BLAME_LOCAL, "rekey failed");
	s->tx_bytes = s->tx_records = 0;
}

static void say_pings(struct session *s)
{
	uint8_t body[8];

	be_put64(body, s->pong_value);
	if (s->pong_want && say(s, V1_PONG, body, sizeof body))
		s->pong_want = false;
	if (!s->ping_want)
		return;
	/* One that repeats an unanswered one repeats its value, so that any answer fits. */
	if (s->pings == 0) {
		s->config->rng->fill(s->config->rng->ctx, body, sizeof body);
		s->ping_value = be_get64(body);
		s->ping_mark = s->sent;
	}
	be_put64(body, s->ping_value);
	if (say(s, V1_PING, body, sizeof body)) {
		s->ping_want = false;
		s->pings++;
		s->ping_at = s->now;
	}
}

static void say_verdict(struct session *s, enum v1_type type, bool *sent)
{
	uint8_t body[10];

	be_put64(body, s->delivered);
	body[8] = s->give_status;
	body[9] = s->give_detail;
	*sent = say(s, type, body, sizeof body);
}

static void say_eof(struct session *s)
{
	uint8_t body[8];

	be_put64(body, s->sent);
	s->eof_sent = say(s, V1_EOF, body, sizeof body);
}

static void say_close(struct session *s)
{
	uint8_t body[2 + sizeof s->close_text];
	size_t n = strlen(s->close_text);

	be_put16(body, s->close_code);
	memcpy(body + 2, s->close_text, n);
	if (say(s, V1_CLOSE, body, 2 + n)) {
		s->close_want = false;
		s->close_sent = true;
	}
}

void v1_control(struct session *s)
{
	if (s->wire_dead || s->close_sent || s->phase == PHASE_HANDSHAKE || s->phase == PHASE_CLOSED)
		return;
	if (s->close_want) {
		say_close(s);
		return;
	}
	if (s->phase != PHASE_RUN || !s->greeted || (s->eof_sent && (s->receipt_sent || s->stop_sent)))
		return;
	if (rekey_due(s))
		say_rekey(s);
	say_pings(s);
	if (s->stop_want && !s->stop_sent && s->ready)
		say_verdict(s, V1_STOP, &s->stop_sent);
	if (s->eof_want && !s->eof_sent)
		say_eof(s);
	if (s->receipt_want && !s->receipt_sent)
		say_verdict(s, V1_RECEIPT, &s->receipt_sent);
}

/* ---- keep-alive ---- */

uint32_t v1_keepalive(const struct session *s, uint32_t peer)
{
	uint64_t own = (uint64_t)s->config->keepalive_ms, theirs = (uint64_t)peer * 1000;
	uint64_t least = own == 0 || (theirs > 0 && theirs < own) ? theirs : own;

	return least > UINT32_MAX ? UINT32_MAX : (uint32_t)least;
}

/* (A PING that waits for room is wanted already.) */
static bool may_ping(const struct session *s)
{
	return s->ready && s->keepalive > 0 && !s->wire_dead && !s->ping_want && !s->wire->all_said(s);
}

/* Nothing more is expected of a peer that has said its last record. */
static bool expecting(const struct session *s)
{
	return s->ready && s->config->keepalive_ms > 0 && !s->wire->all_heard(s);
}

static int64_t silent_at(const struct session *s)
{
	return s->last_recv + SILENT_INTERVALS * s->config->keepalive_ms;
}

/* We show that we live when we have said nothing for a while, and ask when we heard nothing. */
static int64_t ping_at(const struct session *s)
{
	int64_t quiet = s->last_send, heard = s->last_recv > s->ping_at ? s->last_recv : s->ping_at;

	if (expecting(s) && heard < quiet)
		quiet = heard;
	return quiet + s->keepalive;
}

void v1_tick(struct session *s)
{
	if (expecting(s) && s->now >= silent_at(s)) {
		char what[80];

		snprintf(what, sizeof what, "timeout: nothing heard from the peer for %g s (see --keep-alive)",
		    (double)(SILENT_INTERVALS * s->config->keepalive_ms) / 1000);
		session_expire(s, what);
		return;
	}
	if (may_ping(s) && s->now >= ping_at(s))
		s->ping_want = true;
	s->wire->control(s);
}

int64_t v1_deadline(const struct session *s)
{
	int64_t at = -1;

	if (expecting(s))
		at = silent_at(s);
	if (may_ping(s) && (at < 0 || ping_at(s) < at))
		at = ping_at(s);
	return at;
}
