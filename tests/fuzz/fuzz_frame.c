/*
 * Fuzz: the framing of both wires. The same bytes, cut anywhere, mean the same.
 *
 *   byte 0   bit 0: vault/1, or the raw wire; bit 1: who is attacked (0 the responder); bits 2 to 7: how
 *            long the pieces are, see piece()
 *   byte 1   where the row of their lengths begins
 *   rest     the stream: frames that the peer seals, and bytes of no frame (see write_stream())
 *
 * The stream is given to a session behind a handshake as a whole, in pieces, and (if it is short) byte by byte. Each
 * time the application must get the same bytes, a beginning of what the peer has sealed, and the end be the same.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bigendian.h"
#include "proto/wire_vault1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define MUST(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

#define STREAM (80 * 1024) /* under AEAD_BULK: until then, with no library in use, a cipher is its struct */
#define PIECES 1000 /* at most about so many */
#define SHORT 300

/* ---- what an input starts from: sessions behind a handshake, made once ---- */

struct start {
	struct session session;
	struct noise_cipher tx; /* of the peer */
};

static struct start starts[4];
static uint8_t in[2][SESSION_FRAMEMAX], out[2][SESSION_FRAMEMAX], secret[2][32];

static void fill(void *ctx, uint8_t *buf, size_t n)
{
	(void)ctx;
	memset(buf, 0x5a, n);
}

static const struct rng rng = {.fill = fill};

static void begin(struct session *s, int i, bool raw)
{
	static const char *const allowed[] = {"XX"};
	static struct session_config configs[2];
	static struct session_desk desks[2];
	struct session_config config = {
	    .wire = raw ? &wire_vaulttcp : &wire_vault1,
	    .handshake = {.initiator = i == 0, .allowed = allowed, .allowed_count = 1, .static_secret = secret[i], .rng = &rng},
	    .messages = true,
	    .drain_ms = 5000,
	    .rng = &rng,
	};

	MUST(noise_protocol_from_pattern(&config.handshake.protocol, "XX", DH_25519, AEAD_CHACHAPOLY, HASH_BLAKE2B) == NOISE_OK);
	config.raw_protocol = config.handshake.protocol;
	configs[i] = config;
	MUST(session_start(s, &configs[i], &desks[i], in[i], sizeof(in[i]), out[i], sizeof(out[i]), 1000) == 0);
}

static void pass(struct session *from, struct session *to)
{
	size_t n, room;
	const uint8_t *at = session_send_wire_buf(from, &n);
	uint8_t *where = session_recv_wire_buf(to, &room);

	if (!at)
		return;
	MUST(where && n <= room);
	memcpy(where, at, n);
	session_send_wire_ack(from, n);
	session_recv_wire_ack(to, n);
	session_judge(to, NULL);
}

static void prepare(unsigned which)
{
	static struct session ends[2];
	int victim = which & 2 ? 0 : 1;

	for (int i = 0; i < 2; i++)
		begin(&ends[i], i, which & 1);
	for (int i = 0; i < 8; i++)
		pass(&ends[i & 1], &ends[!(i & 1)]);
	for (int i = 0; i < 2; i++)
		MUST((session_state(&ends[i]) & SESSION_READY) && ends[i].in_head == ends[i].in_tail &&
		    ends[i].out_head == ends[i].out_tail);
	starts[which].session = ends[victim];
	starts[which].tx = ends[!victim].tx;
}

/* ---- the stream ---- */

static uint8_t stream[STREAM], said[STREAM];
static size_t stream_len, said_len;
static const uint8_t *ops;
static size_t ops_len;

static uint8_t next(void)
{
	if (ops_len == 0)
		return 0;
	ops_len--;
	return *ops++;
}

/* A frame with ${n} bytes of content: the input's own, or a pattern. */
static void seal(struct noise_cipher *tx, bool raw, size_t n, bool own)
{
	uint8_t *frame = stream + stream_len, *body = frame + 4 + !raw, type = raw ? V1_DATA : next();

	n = n < V1_BODYMAX ? n : V1_BODYMAX;
	if (stream_len + n + 4 + 1 + AEAD_TAGBYTES > STREAM)
		return;
	if (!raw)
		frame[4] = type;
	for (size_t i = 0; i < n; i++)
		body[i] = own ? next() : (uint8_t)(said_len + i);
	if (type == V1_DATA || type == V1_PART) {
		memcpy(said + said_len, body, n);
		said_len += n;
	}
	be_put32(frame, (uint32_t)(n + !raw + AEAD_TAGBYTES));
	MUST(noise_cipher_seal(tx, frame + 4, n + !raw, frame + 4) == NOISE_OK);
	stream_len += 4 + n + !raw + AEAD_TAGBYTES;
	if (type == V1_REKEY)
		MUST(noise_cipher_rekey(tx) == NOISE_OK);
}

static void write_stream(struct noise_cipher *tx, bool raw)
{
	stream_len = said_len = 0;
	while (ops_len > 0) {
		uint8_t op = next();
		size_t n;

		switch (op & 3) {
		case 0:
			seal(tx, raw, op >> 2, true);
			break;
		case 1:
			seal(tx, raw, (size_t)(op >> 2) << 8 | next(), false);
			break;
		case 2:
			n = op >> 2;
			seal(tx, raw, n * n * 16, false);
			break;
		default:
			for (n = op >> 2; n > 0 && stream_len < STREAM; n--)
				stream[stream_len++] = next();
		}
	}
}

/* ---- to give it to the session ---- */

struct outcome {
	size_t got_len;
	struct error error;
	struct session_peer peer;
	uint64_t received, messages;
	bool peer_eof;
	uint8_t got[STREAM];
};

static void take(struct session *s, struct outcome *o)
{
	struct iovec iov[8];
	size_t n;

	while (session_state(s) & SESSION_RECV_APP) {
		int count = session_recv_app_iov(s, iov, 8);

		MUST(count > 0);
		n = 0;
		for (int i = 0; i < count; i++) {
			MUST(o->got_len + iov[i].iov_len <= sizeof(o->got));
			memcpy(o->got + o->got_len, iov[i].iov_base, iov[i].iov_len);
			o->got_len += iov[i].iov_len;
			n += iov[i].iov_len;
		}
		session_recv_app_ack(s, n);
	}
	(void)session_send_wire_buf(s, &n);
	session_send_wire_ack(s, n);
}

/* As the whole (0), byte by byte (1), of one length, or of lengths in a row that looks random. */
static size_t piece(uint8_t how, uint32_t *row)
{
	how >>= 2;
	*row = *row * 1664525 + 1013904223;
	if (how < 2)
		return how == 0 ? STREAM : 1;
	return how < 32 ? how : 1 + (*row >> 8) % ((size_t)1 << (how - 32) / 2);
}

static void play(const struct start *st, struct outcome *o, uint8_t how, uint32_t row)
{
	static struct session s;
	size_t at = 0, left, room;

	s = st->session;
	memset(o, 0, offsetof(struct outcome, got));
	while (at < stream_len) {
		uint8_t *where;

		left = piece(how, &row) + stream_len / PIECES;
		left = left < stream_len - at ? left : stream_len - at;
		while (left > 0 && (session_state(&s) & SESSION_RECV_WIRE)) {
			size_t n;

			where = session_recv_wire_buf(&s, &room);
			MUST(where && room > 0);
			n = left < room ? left : room;
			memcpy(where, stream + at, n);
			at += n;
			left -= n;
			session_recv_wire_ack(&s, n);
			take(&s, o);
			MUST(s.in_head <= s.in_tail && s.in_tail <= s.in_cap && s.win_count <= SESSION_WINDOWS);
		}
		if (left > 0)
			break; /* closed */
	}
	if (session_state(&s) & SESSION_RECV_WIRE)
		session_fin(&s);
	take(&s, o);
	o->error = *session_error(&s);
	o->peer = *session_peer(&s);
	o->received = s.received;
	o->messages = s.messages_received;
	o->peer_eof = s.peer_eof;
	MUST(o->got_len <= said_len && memcmp(o->got, said, o->got_len) == 0);
	squash_free(&s.squash);
	unsquash_free(&s.unsquash);
}

static void compare(const struct outcome *a, const struct outcome *b)
{
	MUST(a->got_len == b->got_len);
	MUST(a->error.code == b->error.code && strcmp(a->error.text, b->error.text) == 0);
	MUST(a->received == b->received && a->messages == b->messages && a->peer_eof == b->peer_eof);
	MUST(a->peer.stopped == b->peer.stopped && a->peer.receipted == b->peer.receipted);
	MUST(a->peer.status == b->peer.status && a->peer.detail == b->peer.detail);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	MUST(secret_init() == 0);
	for (int i = 0; i < 2; i++)
		memset(secret[i], 0x40 + i, sizeof(secret[i]));
	for (unsigned i = 0; i < 4; i++)
		prepare(i);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, cut;
	const struct start *st;
	struct noise_cipher tx;
	uint8_t how, row;

	if (size < 2 || size > 65536)
		return 0;
	ops = data;
	ops_len = size;
	how = next();
	row = next();
	st = &starts[how & 3];
	tx = st->tx;
	write_stream(&tx, how & 1);
	play(st, &whole, 0, 0);
	play(st, &cut, how, row);
	compare(&whole, &cut);
	if (stream_len <= SHORT) {
		play(st, &cut, 1 << 2, 0);
		compare(&whole, &cut);
	}
	return 0;
}
