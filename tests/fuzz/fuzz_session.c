/*
 * Fuzz: the stream engine behind a real handshake, both roles. The fuzzer plays the peer, who holds
 * valid keys, our application, the transport and the clock.
 *
 *   byte 0   bit 0: role; bit 1: OPEN and READY are exchanged already; bits 2, 3: compression and
 *            message boundaries wished; bits 4, 5: one-way and probe modes
 *   byte 1   wire steps of 1, 7, 100 bytes or all
 *   rest     operations: one byte what, then what it needs (see operate())
 *
 * A model watches: what the application gets is what the peer's records held, every record that the
 * engine sends opens, stands in its place and counts right, and the clock never gets stuck.
 */
#include "session_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* ---- our application and the transport ---- */

static void app_send(size_t n, bool part)
{
	struct iovec iov[4];
	size_t done = 0;
	int count;

	if (!(session_state(&s) & SESSION_SEND_APP))
		return;
	count = session_send_app_iov(&s, iov, 4);
	MUST(count > 0);
	for (int i = 0; i < count && done < n; i++) {
		uint8_t *at = iov[i].iov_base;

		for (size_t k = 0; k < iov[i].iov_len && done < n; k++)
			at[k] = pattern(m.given + done++);
	}
	m.given += done;
	if (part)
		session_send_part_ack(&s, done);
	else
		session_send_app_ack(&s, done);
}

static void app_take(size_t n)
{
	struct iovec iov[8];
	size_t done = 0;
	int count;

	if (!(session_state(&s) & SESSION_RECV_APP))
		return;
	count = session_recv_app_iov(&s, iov, 8);
	MUST(count > 0 && session_recv_app_window(&s) != NULL);
	for (int i = 0; i < count && done < n; i++) {
		size_t k = iov[i].iov_len < n - done ? iov[i].iov_len : n - done;

		if (!m.wild)
			MUST(m.taken + k <= m.sent_len && memcmp(iov[i].iov_base, m.sent + m.taken, k) == 0);
		m.taken += k;
		done += k;
	}
	session_recv_app_ack(&s, done);
}

static void wire_take(size_t n)
{
	size_t len;
	const uint8_t *at;

	if (!(session_state(&s) & SESSION_SEND_WIRE))
		return;
	at = session_send_wire_buf(&s, &len);
	MUST(at && len > 0);
	len = n < len ? n : len;
	hear(at, len);
	session_send_wire_ack(&s, len);
}

static void swap_buffers(void)
{
	static uint8_t *const ins[] = {in[0], spare_in}, *const outs[] = {out[0], spare_out};
	int to = s.in == spare_in ? 0 : 1;

	if (session_buffers(&s, ins[to], to ? sizeof(spare_in) : sizeof(in[0]), outs[to], SESSION_FRAMEMAX) < 0) {
		MUST(s.in_tail > sizeof(in[0]));
		return;
	}
	memset(ins[!to], 0xee, SESSION_FRAMEMAX);
	memset(outs[!to], 0xee, SESSION_FRAMEMAX);
}

static void tick(int64_t ms)
{
	int64_t at;

	m.now += ms;
	session_tick(&s, m.now);
	at = session_deadline(&s);
	MUST(at < 0 || at > m.now || session_state(&s) == SESSION_CLOSED);
}

/* Success, by what the records said: each direction in use is complete and confirmed. */
static void check_good_end(void)
{
	const struct session_config *c = s.config;

	MUST(s.peer_eof || (c->take_nothing && s.stop_want));
	MUST(s.peer.receipted || s.peer.stopped || (c->send_nothing && m.given == 0));
	MUST(s.eof_want && (s.receipt_want || s.stop_want));
}

static void check(void)
{
	unsigned state = session_state(&s);
	const struct error *e = session_error(&s);

	MUST(!(state & SESSION_CLOSED) || state == SESSION_CLOSED);
	/* The first error stays; only a command's status gives way to a failure, see session_fail(). */
	MUST(m.code == ERROR_OK || e->code == m.code ||
	    (m.code == ERROR_PEER && s.peer.status == RECEIPT_CHILD && s.peer.detail != 0 && s.failed));
	MUST((e->code == ERROR_OK) == (e->text[0] == '\0'));
	m.code = e->code;
	MUST(s.in_head <= s.in_tail && s.in_tail <= s.in_cap);
	MUST(s.out_head <= s.out_tail && s.out_tail <= s.out_cap);
	MUST(s.win_count <= SESSION_WINDOWS && s.delivered == m.taken && m.taken <= s.received);
	MUST(s.sent == m.given);
	if (state & SESSION_SHUT_WIRE)
		MUST(!(state & (SESSION_SEND_WIRE | SESSION_SEND_APP)));
	if (state & SESSION_FINISH_APP)
		MUST(s.peer_eof && m.taken == s.received);
	if (state == SESSION_CLOSED && e->code == ERROR_OK)
		check_good_end();
	for (unsigned i = 0; i < s.win_count; i++) {
		const struct session_window *w = &s.desk->windows[(s.win_first + i) % SESSION_WINDOWS];
		bool inside = w->data >= s.in && w->data + w->len <= s.in + s.in_head;

		MUST(inside || (w->data >= unsquash_buf && w->data + w->len <= unsquash_buf + sizeof(unsquash_buf)));
	}
}

/* ---- operations ---- */

static const uint8_t *ops;
static size_t ops_len;

static uint8_t next(void)
{
	if (ops_len == 0)
		return 0;
	ops_len--;
	return *ops++;
}

static const uint8_t *next_bytes(size_t *n)
{
	const uint8_t *at;

	*n = next();
	at = ops;
	*n = *n < ops_len ? *n : ops_len;
	ops += *n;
	ops_len -= *n;
	return at;
}

static void operate_peer(uint8_t op)
{
	static const uint8_t zeros[V1_BODYMAX];
	uint8_t type;
	const uint8_t *body;
	size_t n;

	switch (op) {
	case 0:
		type = next();
		body = next_bytes(&n);
		m.wild |= type == V1_ZDATA;
		record(type, body, n);
		break;
	case 1:
		body = next_bytes(&n);
		record_squashed(body, n);
		break;
	case 2:
		n = next();
		record(next() & 1 ? V1_PART : V1_DATA, zeros, n * n);
		break;
	case 3:
		record_total(V1_EOF, m.sent_len, 0, 0);
		break;
	case 4:
		type = next();
		record_total(next() & 1 ? V1_RECEIPT : V1_STOP, s.sent, type & 3, type >> 2);
		break;
	case 5:
		record_total(V1_PONG, m.ping, 0, 0);
		break;
	case 6:
		body = next_bytes(&n);
		push(body, n);
		break;
	case 7:
		for (n = next(); n > 0; n--) /* more than there are windows */
			record(V1_DATA, zeros, 1);
		break;
	default:
		break;
	}
	deliver();
}

static void operate(uint8_t op)
{
	size_t n;

	switch (op) {
	case 8:
		n = next();
		app_send(n * n, next() & 1);
		break;
	case 9:
		app_take((size_t)next() * 300);
		break;
	case 10:
		wire_take((size_t)next() * 300);
		break;
	case 11:
		session_end(&s);
		break;
	case 12:
		if (session_state(&s) & SESSION_FINISH_APP)
			session_receipt(&s, next() % 3, next());
		break;
	case 13:
		session_stop(&s, next() % 3, next());
		break;
	case 14:
		session_abort(&s, next() % 8, ERROR_IO, "abort");
		break;
	case 15:
		session_fin(&s);
		break;
	case 16:
		session_broken(&s, next() & 1, "broken");
		break;
	case 17:
		tick((int64_t)next() * 200);
		break;
	case 18:
		session_judge(&s, next() & 1 ? "refused" : NULL);
		break;
	case 19:
		swap_buffers();
		break;
	case 20:
		m.now += 1000000;
		session_resumed(&s, m.now);
		break;
	case 21:
		session_hurry(&s, 100);
		break;
	default:
		operate_peer(op);
	}
	deliver();
}

/* Whatever came before: if all do what is asked of them, the session comes to an end in bounded time. */
static void finish(void)
{
	for (int i = 0; i < 3000 && session_state(&s) != SESSION_CLOSED; i++) {
		int64_t at;

		session_judge(&s, NULL);
		session_end(&s);
		wire_take(SIZE_MAX);
		app_take(SIZE_MAX);
		if (session_state(&s) & SESSION_FINISH_APP)
			session_receipt(&s, RECEIPT_DONE, 0);
		deliver();
		check();
		if (session_state(&s) & (SESSION_SEND_WIRE | SESSION_RECV_APP))
			continue;
		at = session_deadline(&s);
		tick(at > m.now ? at - m.now : 0);
	}
	MUST(session_state(&s) == SESSION_CLOSED);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	MUST(secret_init() == 0);
	for (int i = 0; i < 2; i++) {
		memset(secret[i], 0x40 + i, 32);
		MUST(dh_public(DH_25519, public[i], secret[i]) == 0);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1, 7, 100, SIZE_MAX};
	const struct start *st;

	if (size < 2 || size > 4096)
		return 0;
	st = prepare(data[0] & 63);
	ops = data + 2;
	ops_len = size - 2;
	model_reset(st, steps[data[1] & 3]);
	s = st->session;
	s.in = in[0];
	s.out = out[0];
	memcpy(out[0], st->out, s.out_tail);
	while (ops_len > 0) {
		operate(next() % 22);
		check();
	}
	finish();
	model_free();
	session_free(&s);
	return 0;
}
