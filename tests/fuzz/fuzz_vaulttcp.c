/*
 * Fuzz: the raw wire and the one that tells both apart, both roles. An honest peer (another session) says what
 * the input tells it to, and frames of any size; between it and us bytes are changed, dropped and inserted; the
 * rest is our application, the transport and the clock.
 *
 *   byte 0   bit 0: role; bits 1, 2: pattern; bit 3: --wire auto (responder); bit 4: one-way; bit 5: both
 *            sides have shaken hands already; bit 6: a largest message of 1000 bytes, and without bit 4 the other
 *            way only; bit 7: a vault/1 peer
 *   rest     operations: one byte what, then what it needs (see operate())
 *
 * Whatever happens in between, the application gets a beginning of what the peer has sealed, in order;
 * success means all of it up to an end between two frames.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/secret.h"
#include "proto/bigendian.h"
#include "proto/session.h"
#include "proto/wire.h"

#define MUST(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

#define MODEL (1 << 20)
#define PENDING (1 << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct session us, peer;
static uint8_t in[2][SESSION_FRAMEMAX], out[2][SESSION_FRAMEMAX], secrets[2][32], publics[2][32];
static uint8_t said[MODEL];	/* what the peer has sealed */
static uint8_t pending[PENDING]; /* on its way to us */
static size_t said_len, taken, head, tail;
static int64_t now;
static bool touched, shut; /* touched: what arrives is not what was said */

static const uint8_t *ops;
static size_t ops_len;

static void fill(void *ctx, uint8_t *buf, size_t n)
{
	(void)ctx;
	memset(buf, 0x5a, n);
}

static const struct rng rng = {.fill = fill};

static uint8_t next(void)
{
	if (ops_len == 0)
		return 0;
	ops_len--;
	return *ops++;
}

/* ---- set-up ---- */

static void config_of(struct session_config *c, int i, unsigned how)
{
	static const char *const patterns[] = {"NN", "XX", "IK", "NX"};
	static const char *allowed[1];
	bool initiator = (i == 0) == !(how & 1);
	int other = !i;

	allowed[0] = patterns[how >> 1 & 3];
	*c = (struct session_config){
	    .wire = i == 1 && (how & 0x80) ? &wire_vault1 : i == 0 && !initiator && (how & 8) ? &wire_auto : &wire_vaulttcp,
	    .handshake = {.initiator = initiator, .allowed = allowed, .allowed_count = 1, .static_secret = secrets[i],
		.remote_static = publics[other], .rng = &rng},
	    .take_nothing = i == 0 && (how & 16),
	    .send_nothing = i == 0 && (how & 80) == 64,
	    .tells_unacked = i == 0,
	    .max_message = i == 0 && (how & 64) ? 1000 : 0,
	    .pause_ms = 50,
	    .raw_idle_ms = 100000,
	    .message_ms = 20000,
	    .handshake_ms = 30000,
	    .drain_ms = 5000,
	    .rng = &rng,
	};
	MUST(noise_protocol_from_pattern(&c->handshake.protocol, allowed[0], DH_25519, AEAD_CHACHAPOLY, HASH_BLAKE2B) == 0);
	c->raw_protocol = c->handshake.protocol;
}

static void begin(unsigned how)
{
	static struct session_config c[2];
	static struct session_desk desks[2];

	for (int i = 0; i < 2; i++) {
		memset(secrets[i], i + 1, sizeof(secrets[i]));
		MUST(dh_public(DH_25519, publics[i], secrets[i]) == 0);
	}
	said_len = taken = head = tail = 0;
	touched = shut = false;
	now = 1000;
	config_of(&c[0], 0, how);
	MUST(session_start(&us, &c[0], &desks[0], in[0], sizeof(in[0]), out[0], sizeof(out[0]), now) == 0);
	config_of(&c[1], 1, how);
	MUST(session_start(&peer, &c[1], &desks[1], in[1], sizeof(in[1]), out[1], sizeof(out[1]), now) == 0);
}

/* ---- between the two ---- */

static void fetch(void)
{
	size_t len;
	const uint8_t *at = session_send_wire_buf(&peer, &len);

	if (!at || tail + len > PENDING)
		return;
	memcpy(pending + tail, at, len);
	tail += len;
	session_send_wire_ack(&peer, len);
}

static void deliver(size_t n)
{
	size_t room;
	uint8_t *at;

	fetch();
	n = n < tail - head ? n : tail - head;
	if (!(session_state(&us) & SESSION_RECV_WIRE) || us.fin)
		return;
	at = session_recv_wire_buf(&us, &room);
	MUST(at && room > 0);
	n = n < room ? n : room;
	if (n == 0)
		return;
	memcpy(at, pending + head, n);
	head += n;
	if (head == tail)
		head = tail = 0;
	session_recv_wire_ack(&us, n);
}

static void carry(size_t n)
{
	size_t len, room = 0;
	const uint8_t *at = session_send_wire_buf(&us, &len);
	uint8_t *to;

	if (!(session_state(&us) & SESSION_SEND_WIRE))
		return;
	MUST(at && len > 0);
	n = n < len ? n : len;
	if (session_state(&peer) & SESSION_RECV_WIRE) {
		to = session_recv_wire_buf(&peer, &room);
		n = n < room ? n : room;
		memcpy(to, at, n);
		session_recv_wire_ack(&peer, n);
	}
	session_send_wire_ack(&us, n);
	if (session_state(&peer) & SESSION_JUDGE)
		session_judge(&peer, NULL);
	if (session_state(&peer) & SESSION_RECV_APP) {
		struct iovec iov[64];
		int count = session_recv_app_iov(&peer, iov, 64);

		for (int i = 0; i < count; i++)
			session_recv_app_ack(&peer, iov[i].iov_len);
	}
}

/* A frame of the peer's, of any size that a frame can have. */
static void seal(size_t n)
{
	static uint8_t frame[SESSION_FRAMEMAX];

	n = n <= NOISE_MAXMSG - AEAD_TAGBYTES ? n : NOISE_MAXMSG - AEAD_TAGBYTES;
	fetch();
	if (peer.phase != PHASE_RUN || !session_is_raw(&peer) || said_len + n > MODEL || tail + n + 20 > PENDING || shut)
		return;
	for (size_t i = 0; i < n; i++)
		said[said_len + i] = frame[4 + i] = (uint8_t)(said_len + i + (said_len >> 8));
	MUST(noise_cipher_seal(&peer.tx, frame + 4, n, frame + 4) == NOISE_OK);
	be_put32(frame, (uint32_t)n + AEAD_TAGBYTES);
	memcpy(pending + tail, frame, 4 + n + AEAD_TAGBYTES);
	tail += 4 + n + AEAD_TAGBYTES;
	said_len += n;
}

static void tamper(uint8_t how)
{
	size_t at = next(), n = next();

	fetch();
	if (tail == head)
		return;
	at = head + at % (tail - head);
	touched = true;
	if (how == 0) {
		pending[at] ^= (uint8_t)(n | 1);
	} else if (how == 1) {
		n = n < tail - at ? n : tail - at;
		memmove(pending + at, pending + at + n, tail - at - n);
		tail -= n;
	} else if (tail + n <= PENDING) {
		memmove(pending + at + n, pending + at, tail - at);
		for (size_t i = 0; i < n; i++)
			pending[at + i] = next();
		tail += n;
	}
}

/* ---- our application ---- */

static void app_send(size_t n)
{
	struct iovec iov[4];
	size_t done = 0;
	int count;

	if (!(session_state(&us) & SESSION_SEND_APP))
		return;
	count = session_send_app_iov(&us, iov, 4);
	MUST(count > 0);
	for (int i = 0; i < count && done < n; i++) {
		size_t k = iov[i].iov_len < n - done ? iov[i].iov_len : n - done;

		memset(iov[i].iov_base, 0x33, k);
		done += k;
	}
	session_send_app_ack(&us, done);
}

static void app_take(size_t n)
{
	struct iovec iov[8];
	size_t done = 0;
	int count;

	if (!(session_state(&us) & SESSION_RECV_APP))
		return;
	count = session_recv_app_iov(&us, iov, 8);
	MUST(count > 0);
	for (int i = 0; i < count && done < n; i++) {
		size_t k = iov[i].iov_len < n - done ? iov[i].iov_len : n - done;

		MUST(taken + k <= said_len && memcmp(iov[i].iov_base, said + taken, k) == 0);
		taken += k;
		done += k;
	}
	session_recv_app_ack(&us, done);
}

static void tick(int64_t ms)
{
	int64_t at;

	now += ms;
	session_tick(&us, now);
	session_tick(&peer, now);
	at = session_deadline(&us);
	MUST(at < 0 || at > now || session_state(&us) == SESSION_CLOSED);
}

static void check(void)
{
	unsigned state = session_state(&us);
	const struct error *e = session_error(&us);

	MUST(!(state & SESSION_CLOSED) || state == SESSION_CLOSED);
	MUST((e->code == ERROR_OK) == (e->text[0] == '\0'));
	MUST(us.in_head <= us.in_tail && us.in_tail <= us.in_cap && us.out_head <= us.out_tail && us.out_tail <= us.out_cap);
	MUST(us.win_count <= SESSION_WINDOWS && us.confirmed <= us.sent);
	if (state & SESSION_SHUT_WIRE)
		MUST(!(state & (SESSION_SEND_WIRE | SESSION_SEND_APP)) && !session_wants_reset(&us));
	if (us.phase == PHASE_RUN && us.ready && session_is_raw(&us) && now < us.quiet_until)
		MUST(!(state & SESSION_SEND_APP));
	/* A peer that claims a key is served only when it has proven it; and who has shown nothing has no end. */
	if (us.ready && session_is_raw(&us) && us.peer.has_key)
		MUST(us.peer.authenticated);
	if (us.ready && session_is_raw(&us) && us.config->send_nothing && !us.config->handshake.initiator)
		MUST(us.peer.authenticated);
	if ((state & SESSION_FINISH_APP) && session_is_raw(&us))
		MUST(us.peer.authenticated || us.sent > 0);
	if (state == SESSION_CLOSED && e->code == ERROR_OK && !us.stop_want) {
		/* Success: the end came, and what was said before it is taken. */
		MUST(us.ready && us.fin && us.in_head == us.in_tail && us.peer_eof);
		MUST(touched || us.win_count > 0 || taken == said_len);
	}
}

static void operate_transport(uint8_t op)
{
	switch (op) {
	case 0:
		fetch();
		touched |= head < tail;
		shut = true;
		if (session_state(&us) & SESSION_RECV_WIRE)
			session_fin(&us);
		break;
	case 1:
		session_broken(&us, next() & 1, "broken");
		break;
	case 2:
		if (session_asks_unacked(&us))
			session_unacked(&us, next());
		break;
	case 3:
		if (session_asks_unacked(&us))
			session_unacked(&us, 0);
		break;
	default:
		session_resumed(&us, now += next() * 1000);
		session_resumed(&peer, now);
	}
}

static void operate_application(uint8_t op)
{
	switch (op) {
	case 0:
		session_end(&us);
		break;
	case 1:
		if (session_state(&us) & SESSION_FINISH_APP)
			session_receipt(&us, (enum session_receipt_status)(next() % 2), 0);
		break;
	case 2:
		session_stop(&us, (enum session_receipt_status)(next() % 2), 0);
		break;
	case 3:
		session_abort(&us, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "interrupted");
		break;
	case 4:
		session_ask(&us);
		break;
	case 5:
		session_refuse_busy(&us);
		break;
	default:
		if (session_state(&us) & SESSION_JUDGE)
			session_judge(&us, next() & 7 ? NULL : "refused");
	}
}

static void operate(void)
{
	uint8_t op = next();

	switch (op & 15) {
	case 0:
		deliver(1);
		break;
	case 1:
		deliver(next());
		break;
	case 2:
		deliver(SIZE_MAX);
		break;
	case 3:
		carry(next());
		break;
	case 4:
		carry(SIZE_MAX);
		break;
	case 5:
		seal(next());
		break;
	case 6:
		seal((size_t)next() * 257);
		break;
	case 7:
		tamper(op >> 4 & 3);
		break;
	case 8:
		app_send((size_t)next() * 257);
		break;
	case 9:
		app_take(next());
		break;
	case 10:
		app_take(SIZE_MAX);
		break;
	case 11:
		tick(next());
		break;
	case 12:
		tick((int64_t)next() * 1000);
		break;
	case 13:
		operate_transport(op >> 4 & 7);
		break;
	default:
		operate_application(op >> 4 & 7);
	}
}

static void shake_hands(void)
{
	for (int i = 0; i < 6; i++) {
		carry(SIZE_MAX);
		deliver(SIZE_MAX);
		if (session_state(&us) & SESSION_JUDGE)
			session_judge(&us, NULL);
		if (session_state(&peer) & SESSION_JUDGE)
			session_judge(&peer, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	if (!ready)
		MUST(secret_init() == 0);
	ready = true;
	ops = data;
	ops_len = size;
	unsigned how = next();

	begin(how);
	if (how & 32)
		shake_hands();
	for (int i = 0; i < 2000 && ops_len > 0; i++) {
		operate();
		check();
	}
	session_free(&us);
	session_free(&peer);
	return 0;
}
