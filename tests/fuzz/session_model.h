/*
 * session_model: for the fuzzer of sessions: where an input starts from, the peer that it plays, and
 * what that peer must find in all that the engine says.
 */
#ifndef SESSION_MODEL_H
#define SESSION_MODEL_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bigendian.h"
#include "proto/wire_vault1.h"

#define MUST(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

#define MODEL (1 << 20)
#define PENDING (1 << 18)

/* ---- what an input starts from: sessions behind a handshake, made once ---- */

struct start {
	bool made;
	struct session session;
	struct noise_cipher tx, rx; /* of the peer */
	uint8_t out[512];	    /* what the session has said already */
};

static struct start starts[64];

static void fill(void *ctx, uint8_t *buf, size_t n)
{
	(void)ctx;
	memset(buf, 0x5a, n);
}

static const struct rng rng = {.fill = fill};
static uint8_t secret[2][32], public[2][32];
static uint8_t in[2][SESSION_FRAMEMAX], out[2][SESSION_FRAMEMAX];
static uint8_t spare_in[SESSION_FRAMEMAX + 99], spare_out[SESSION_FRAMEMAX];
static uint8_t squash_buf[SQUASH_PLAIN], unsquash_buf[SQUASH_PLAIN];

enum mode { MODE_NONE, MODE_TAKE_NOTHING, MODE_SEND_NOTHING, MODE_PROBE };

static void begin(struct session *s, int i, unsigned wishes, enum mode mode)
{
	static const char *const allowed[] = {"IK"};
	static struct session_config configs[2];
	static struct session_desk desks[2];
	struct session_config config = {
	    .wire = &wire_vault1,
	    .handshake =
		{
		    .initiator = i == 0,
		    .allowed = allowed,
		    .allowed_count = 1,
		    .static_secret = secret[i],
		    .remote_static = public[1],
		    .rng = &rng,
		},
	    .software = "fuzz",
	    .compress = wishes & 1,
	    .messages = wishes & 2,
	    .level = 1,
	    .take_nothing = mode == MODE_TAKE_NOTHING,
	    .send_nothing = mode == MODE_SEND_NOTHING,
	    .probe = mode == MODE_PROBE && i == 0,
	    .keepalive_ms = 15000,
	    .message_ms = 20000,
	    .idle_ms = 100000,
	    .handshake_ms = 30000,
	    .drain_ms = 5000,
	    .rekey_records = 20,
	    .squash_buf = squash_buf,
	    .unsquash_buf = unsquash_buf,
	    .rng = &rng,
	};

	MUST(noise_protocol_from_pattern(&config.handshake.protocol, "IK", DH_25519, AEAD_CHACHAPOLY,
		 HASH_BLAKE2B) == NOISE_OK);
	configs[i] = config;
	MUST(session_start(s, &configs[i], &desks[i], in[i], sizeof(in[i]), out[i], sizeof(out[i]), 1000) == 0);
}

static void pass(struct session *from, struct session *to)
{
	size_t n, room;
	const uint8_t *at = session_send_wire_buf(from, &n);
	uint8_t *where = session_recv_wire_buf(to, &room);

	MUST(at && where && n <= room);
	memcpy(where, at, n);
	session_send_wire_ack(from, n);
	session_recv_wire_ack(to, n);
	session_judge(to, NULL);
}

static struct start *prepare(unsigned which)
{
	static struct session ends[2];
	struct start *st = &starts[which];
	int victim = which & 1;

	if (st->made)
		return st;
	for (int i = 0; i < 2; i++)
		begin(&ends[i], i, which >> 2 & 3, i == victim ? (enum mode)(which >> 4) : MODE_NONE);
	pass(&ends[0], &ends[1]);
	pass(&ends[1], &ends[0]);
	if (which & 2) {
		pass(&ends[0], &ends[1]);
		pass(&ends[1], &ends[0]);
		MUST(ends[0].ready && ends[1].ready);
	} else if (victim == 1)
		ends[0].tx.n = 0; /* its OPEN is thrown away */
	st->session = ends[victim];
	st->tx = ends[!victim].tx;
	st->rx = ends[!victim].rx;
	MUST(st->session.phase == PHASE_RUN && st->session.out_tail <= sizeof(st->out));
	MUST(!st->session.tx.aead.bulk && !st->session.rx.aead.bulk && !st->tx.aead.bulk && !st->rx.aead.bulk);
	memcpy(st->out, out[victim], st->session.out_tail);
	st->made = true;
	return st;
}

/* ---- the model of one run ---- */

static struct session s;
static struct {
	struct noise_cipher tx, rx; /* the peer's */
	struct squash squash;
	struct unsquash unsquash;
	int64_t now;
	size_t step;
	/* peer to application */
	bool wild; /* compressed bytes of its own making: nobody knows what they become */
	size_t sent_len, taken, pending_head, pending_tail;
	/* application to peer */
	uint64_t given, heard;
	bool first, eof, verdict, closed;
	uint64_t ping;
	size_t frame_len;
	enum error_code code; /* the first error */
	uint8_t sent[MODEL], pending[PENDING], frame[SESSION_FRAMEMAX];
} m;

/* The n-th byte that our application sends. */
static uint8_t pattern(uint64_t n)
{
	return (uint8_t)(n * 31 + n / 1000);
}

static void push(const uint8_t *bytes, size_t n)
{
	if (n > sizeof(m.pending) - m.pending_tail)
		n = sizeof(m.pending) - m.pending_tail;
	memcpy(m.pending + m.pending_tail, bytes, n);
	m.pending_tail += n;
}

static void deliver(void)
{
	size_t room;

	while (m.pending_head < m.pending_tail && (session_state(&s) & SESSION_RECV_WIRE)) {
		uint8_t *at = session_recv_wire_buf(&s, &room);
		size_t n = m.pending_tail - m.pending_head;

		MUST(at && room > 0);
		n = n < room ? n : room;
		if (n < 2000) /* what is long goes faster */
			n = n < m.step ? n : m.step;
		memcpy(at, m.pending + m.pending_head, n);
		m.pending_head += n;
		session_recv_wire_ack(&s, n);
	}
	if (m.pending_head == m.pending_tail)
		m.pending_head = m.pending_tail = 0;
}

static bool fits(size_t n)
{
	return n <= V1_BODYMAX && m.sent_len + SQUASH_PLAIN <= MODEL && PENDING - m.pending_tail >= n + 21;
}

/* A record from the peer. */
static void record(uint8_t type, const uint8_t *body, size_t n)
{
	static uint8_t frame[SESSION_FRAMEMAX];

	if (!fits(n))
		return;
	if (type == V1_DATA || type == V1_PART) {
		memcpy(m.sent + m.sent_len, body, n);
		m.sent_len += n;
	}
	frame[4] = type;
	if (n > 0)
		memcpy(frame + 5, body, n);
	MUST(noise_cipher_seal(&m.tx, frame + 4, 1 + n, frame + 4) == NOISE_OK);
	be_put32(frame, (uint32_t)(1 + n + AEAD_TAGBYTES));
	push(frame, 5 + n + AEAD_TAGBYTES);
	if (type == V1_REKEY)
		MUST(noise_cipher_rekey(&m.tx) == NOISE_OK);
}

static void record_squashed(const uint8_t *body, size_t n)
{
	static uint8_t packed[4096];
	size_t len;

	if (!fits(sizeof(packed)))
		return;
	if (squash_piece(&m.squash, 1, body, n, packed, sizeof(packed), &len) < 0)
		return;
	record(V1_ZDATA, packed, len);
	memcpy(m.sent + m.sent_len, body, n);
	m.sent_len += n;
}

static void record_total(uint8_t type, uint64_t total, uint8_t status, uint8_t detail)
{
	uint8_t body[10];

	be_put64(body, total);
	body[8] = status;
	body[9] = detail;
	record(type, body, type == V1_RECEIPT || type == V1_STOP ? 10 : 8);
}

static void model_reset(const struct start *st, size_t step)
{
	memset(&m, 0, offsetof(__typeof__(m), sent));
	m.step = step;
	m.now = 1000;
	m.tx = st->tx;
	m.rx = st->rx;
	m.first = st->session.ready;
}

static void model_free(void)
{
	squash_free(&m.squash);
	unsquash_free(&m.unsquash);
	noise_cipher_free(&m.tx);
	noise_cipher_free(&m.rx);
}

/* ---- what the engine says, as the peer reads it ---- */

static void hear_data(const uint8_t *body, size_t n)
{
	MUST(!m.eof);
	for (size_t i = 0; i < n; i++)
		MUST(body[i] == pattern(m.heard + i));
	m.heard += n;
}

static void hear_record(const uint8_t *plain, size_t n)
{
	static uint8_t unpacked[SQUASH_PLAIN];
	const char *why;
	size_t len;

	MUST(!m.closed && !(m.eof && m.verdict));
	MUST(m.first || plain[0] == V1_CLOSE || plain[0] == (s.config->handshake.initiator ? V1_OPEN : V1_READY));
	m.first = true;
	switch (plain[0]) {
	case V1_PART:
		MUST(s.messages);
		/* fallthrough */
	case V1_DATA:
		hear_data(plain + 1, n - 1);
		return;
	case V1_ZDATA:
		MUST(s.compress);
		MUST(unsquash_piece(&m.unsquash, plain + 1, n - 1, unpacked, sizeof(unpacked), &len, &why) == 0);
		hear_data(unpacked, len);
		return;
	case V1_EOF:
		MUST(n == 9 && !m.eof && be_get64(plain + 1) == m.heard && m.heard == m.given);
		m.eof = true;
		return;
	case V1_CLOSE:
		MUST(n >= 3 && s.failed);
		m.closed = true;
		return;
	case V1_PING:
		MUST(n == 9);
		m.ping = be_get64(plain + 1);
		return;
	case V1_PONG:
		MUST(n == 9);
		return;
	case V1_REKEY:
		MUST(n == 1);
		MUST(noise_cipher_rekey(&m.rx) == NOISE_OK);
		return;
	case V1_RECEIPT:
	case V1_STOP:
		MUST(n == 11 && !m.verdict && (m.wild || be_get64(plain + 1) <= m.sent_len));
		m.verdict = true;
		return;
	case V1_OPEN:
	case V1_READY:
		return;
	default:
		MUST(false);
	}
}

static void hear(const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		size_t want = 4, k;

		if (m.frame_len >= 4)
			want = 4 + be_get32(m.frame);
		MUST(want <= sizeof(m.frame));
		k = want - m.frame_len < n ? want - m.frame_len : n;
		memcpy(m.frame + m.frame_len, bytes, k);
		m.frame_len += k;
		bytes += k;
		n -= k;
		if (m.frame_len < 4 + AEAD_TAGBYTES + 1 || m.frame_len < 4 + be_get32(m.frame))
			continue;
		MUST(noise_cipher_open(&m.rx, m.frame + 4, m.frame_len - 4, m.frame + 4) == NOISE_OK);
		hear_record(m.frame + 4, m.frame_len - 4 - AEAD_TAGBYTES);
		m.frame_len = 0;
	}
}

#endif
