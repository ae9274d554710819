/*
 * framed: units of a stream become messages of a session and units again, whatever pieces the bytes move in; what is
 * at fault is told behind what was whole.
 */
#include "pair.h"
#include "run/framed.h"

static uint8_t given[2][600000];
static size_t given_len[2];

/* One side's streams: input of it is read, output of the other's messages is collected. */
struct end {
	struct framed *f;
	struct error in_error, out_error;
	const uint8_t *input;
	size_t len, pos, piece; /* at most so many bytes at a time */
	uint8_t *got;
	size_t got_len;
	bool ended;
};

static void end_init(struct end *e, struct side *a, enum framing framing, size_t max, const uint8_t *input, size_t len,
    size_t piece)
{
	memset(e, 0, sizeof(*e));
	e->f = framed_new(framing, max, &a->s);
	e->got = malloc(1200000);
	if (!e->f || !e->got)
		abort();
	e->input = input;
	e->len = len;
	e->piece = piece;
}

static void end_free(struct end *e)
{
	framed_free(e->f);
	free(e->got);
}

static bool read_some(struct end *e)
{
	struct iovec room = framed_room(e->f);
	size_t n = least(least(room.iov_len, e->len - e->pos), e->piece);

	if (e->pos == e->len && !e->ended) {
		framed_ended(e->f);
		e->ended = true;
		return true;
	}
	if (n == 0)
		return false;
	memcpy(room.iov_base, e->input + e->pos, n);
	e->pos += n;
	framed_filled(e->f, n);
	return true;
}

static bool write_some(struct end *e)
{
	struct iovec waiting = framed_waiting(e->f);
	size_t n = least(waiting.iov_len, e->piece);

	if (n == 0)
		return false;
	memcpy(e->got + e->got_len, waiting.iov_base, n);
	e->got_len += n;
	framed_wrote(e->f, n);
	return true;
}

static bool step_end(struct end *e, struct side *a)
{
	bool moved = !a->ended && read_some(e);

	if (!a->ended && (framed_send(e->f, &a->s, "input", &e->in_error) < 0 || framed_all_sent(e->f))) {
		session_end(&a->s);
		a->ended = moved = true;
	}
	if (e->out_error.code == ERROR_OK)
		(void)!framed_take(e->f, &a->s, &e->out_error);
	moved |= write_some(e);
	if ((session_state(&a->s) & SESSION_FINISH_APP) && framed_waiting(e->f).iov_len == 0) {
		session_receipt(&a->s, framed_unfinished(e->f) ? RECEIPT_FAILED : RECEIPT_DONE, 0);
		moved = true;
	}
	return moved;
}

static void run(struct pair *p, struct end e[2])
{
	for (bool moved = true; moved;) {
		moved = false;
		for (int i = 0; i < 2; i++) {
			struct side *a = &p->side[i];

			session_tick(&a->s, p->now);
			moved |= step_wire(a, &p->side[!i].cable);
			if (!(session_state(&a->s) & SESSION_CLOSED))
				moved |= step_end(&e[i], a);
		}
	}
}

/* A session that stands, and nothing but framed moves its data. */
static void begin(struct pair *p, bool raw)
{
	pair_init(p, "XX");
	for (int i = 0; i < 2; i++) {
		struct side *a = &p->side[i];

		a->config.messages = true;
		a->in_cap = a->out_cap = SESSION_BIGBUF;
		if (raw) {
			a->config.wire = &wire_vaulttcp;
			a->config.raw_protocol = p->side[0].config.handshake.protocol;
		}
	}
	pair_open(p);
}

/* The same messages in another framing. */
static size_t reframe(enum framing from, const uint8_t *data, size_t n, enum framing to, uint8_t *out)
{
	size_t at = 0, len = 0;

	while (at < n) {
		const uint8_t *body;
		size_t body_len = 0;
		ssize_t used = framing_next(from, data + at, n - at, n, &body, &body_len);

		CHECK(used > 0);
		if (used <= 0)
			break;
		len += framing_head(to, body_len, out + len);
		memcpy(out + len, body, body_len);
		len += body_len;
		len += framing_tail(to, out + len);
		at += (size_t)used;
	}
	return len;
}

static size_t put(uint8_t *at, size_t n, uint8_t fill)
{
	uint8_t edge[FRAMING_EDGE];
	size_t head = framing_head(FRAMING_U32, n, edge);

	memcpy(at, edge, head);
	memset(at + head, fill, n);
	return head + n;
}

static size_t make(uint8_t *at, const size_t *sizes, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += put(at + len, sizes[i], (uint8_t)('a' + i));
	return len;
}

static const size_t short_ones[] = {0, 1, 2, 0, 0, 30, 7}, long_ones[] = {65518, 0, 65519, 65520, 1, 131037, 200000};

static void both_ways(bool raw, enum framing a, enum framing b, const size_t *sizes, size_t count, size_t piece)
{
	static uint8_t in[2][600000], want[2][600000], plain[600000];
	enum framing framing[2] = {a, b};
	size_t len[2], want_len[2], plain_len = make(plain, sizes, count);
	struct pair p;
	struct end e[2];

	begin(&p, raw);
	for (int i = 0; i < 2; i++) {
		len[i] = reframe(FRAMING_U32, plain, plain_len, framing[i], in[i]);
		want_len[i] = reframe(FRAMING_U32, plain, plain_len, framing[!i], want[i]);
		p.side[i].wire_in = p.side[!i].wire_out = piece == 1 ? 1 : ALL;
		end_init(&e[i], &p.side[i], framing[i], 200000, in[i], len[i], piece);
	}
	run(&p, e);
	for (int i = 0; i < 2; i++) {
		CHECK(side_closed(&p.side[i]));
		CHECK_INT(side_code(&p.side[i]), ERROR_OK);
		CHECK_INT(e[i].in_error.code, ERROR_OK);
		CHECK_INT(e[i].out_error.code, ERROR_OK);
		CHECK_INT(p.side[i].s.messages_sent, count);
		CHECK_INT(p.side[i].s.messages_received, count);
		CHECK_INT(e[!i].got_len, want_len[i]);
		CHECK(e[!i].got_len == want_len[i] && memcmp(e[!i].got, want[i], want_len[i]) == 0);
	}
	for (int i = 0; i < 2; i++)
		end_free(&e[i]);
	pair_free(&p);
}

static void test_pieces(void)
{
	static const enum framing framings[] = {FRAMING_LINES, FRAMING_NUL, FRAMING_U32};
	static const size_t pieces[] = {1, 2, 3, 5, 100};

	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 3; k++)
			for (size_t n = 0; n < 5; n++)
				for (int raw = 0; raw < 2; raw++)
					both_ways(raw, framings[i], framings[k], short_ones, 7, pieces[n]);
}

static void test_long(void)
{
	static const size_t pieces[] = {4096, 65536, 100001, ALL};

	for (size_t n = 0; n < 4; n++) {
		both_ways(false, FRAMING_U32, FRAMING_LINES, long_ones, 7, pieces[n]);
		both_ways(true, FRAMING_U32, FRAMING_NUL, long_ones, 3, pieces[n]);
	}
}

/* What one side sends of ${len} bytes as u32, with a limit; ${e} is its error. Returns what came out on the other. */
static size_t sent_of(bool raw, size_t max, size_t len, size_t piece, struct error *e)
{
	struct pair p;
	struct end ends[2];
	size_t n;

	begin(&p, raw);
	end_init(&ends[0], &p.side[0], FRAMING_U32, max, given[0], len, piece);
	end_init(&ends[1], &p.side[1], FRAMING_U32, 500000, given[1], 0, ALL);
	run(&p, ends);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	*e = ends[0].in_error;
	n = ends[1].got_len;
	CHECK(memcmp(ends[1].got, given[0], n) == 0);
	end_free(&ends[0]);
	end_free(&ends[1]);
	pair_free(&p);
	return n;
}

/* Cut after any byte: all that was whole arrives, and whether it was cut is known. */
static void test_cut(void)
{
	size_t whole = 0, next = 4;
	struct error e;

	given_len[0] = make(given[0], short_ones, 7);
	for (size_t cut = 0; cut <= given_len[0]; cut++) {
		while (cut >= next && whole < given_len[0]) {
			whole = next;
			if (whole < given_len[0])
				next = whole + 4 + be_get32(given[0] + whole);
		}
		for (size_t piece = 1; piece < 4; piece++) {
			CHECK_INT(sent_of(false, 100, cut, piece, &e), whole);
			CHECK_INT(e.code, cut == whole ? ERROR_OK : ERROR_IO);
			CHECK(cut == whole || strstr(e.text, "input: it ended in the middle"));
		}
	}
}

static void test_too_long_to_send(void)
{
	static const size_t sizes[] = {5, 65519, 65520, 5};
	struct error e;
	size_t len = make(given[0], sizes, 4);

	for (size_t piece = 1000; piece < 80000; piece += 11111) {
		CHECK_INT(sent_of(false, 65520, len, piece, &e), len);
		CHECK_INT(e.code, ERROR_OK);
		CHECK_INT(sent_of(false, 65519, len, piece, &e), 4 + 5 + 4 + 65519);
		CHECK(e.code == ERROR_IO && strstr(e.text, "--max-message-size (65519 bytes)"));
		CHECK_INT(sent_of(true, 100000, len, piece, &e), 4 + 5 + 4 + 65519);
		CHECK(e.code == ERROR_IO && strstr(e.text, "65519 bytes, the most that this wire carries"));
	}
}

/* Takes what u32 units carry as ${framing}, up to ${max}. */
static size_t taken_as(enum framing framing, size_t max, size_t len, struct error *e)
{
	struct pair p;
	struct end ends[2];
	size_t n;

	begin(&p, false);
	end_init(&ends[0], &p.side[0], FRAMING_U32, 500000, given[0], len, ALL);
	end_init(&ends[1], &p.side[1], framing, max, given[1], 0, ALL);
	run(&p, ends);
	*e = ends[1].out_error;
	n = ends[1].got_len;
	end_free(&ends[0]);
	end_free(&ends[1]);
	pair_free(&p);
	return n;
}

static void test_not_to_be_taken(void)
{
	static const size_t sizes[] = {5, 70000, 5};
	size_t len = make(given[0], sizes, 3);
	struct error e;

	CHECK_INT(taken_as(FRAMING_LINES, 70000, len, &e), 6 + 70001 + 6);
	CHECK_INT(e.code, ERROR_OK);
	CHECK_INT(taken_as(FRAMING_LINES, 69999, len, &e), 6);
	CHECK(e.code == ERROR_PROTOCOL && strstr(e.text, "--max-message-size (69999 bytes)"));
	CHECK_INT(taken_as(FRAMING_U32, 5, len, &e), 9);
	CHECK_INT(e.code, ERROR_PROTOCOL);
	/* The delimiter in the second part of a message. */
	given[0][13 + 69000] = '\n';
	CHECK_INT(taken_as(FRAMING_NUL, 70000, len, &e), 6 + 70001 + 6);
	CHECK_INT(taken_as(FRAMING_LINES, 70000, len, &e), 6);
	CHECK(e.code == ERROR_IO && strstr(e.text, "a newline"));
	given[0][13 + 69000] = '\0';
	CHECK_INT(taken_as(FRAMING_NUL, 70000, len, &e), 6);
	CHECK(e.code == ERROR_IO && strstr(e.text, "a zero byte"));
	CHECK_INT(taken_as(FRAMING_U32, 70000, len, &e), len);
	CHECK_INT(e.code, ERROR_OK);
}

/* On the raw wire an empty message that could be a proof is none, so one that is meant comes behind it. */
static void test_first_one_empty(void)
{
	static const size_t sizes[] = {0, 0, 3};
	struct pair p;
	struct end e[2];
	size_t len = make(given[0], sizes, 3);

	pair_init(&p, "IK");
	for (int i = 0; i < 2; i++) {
		p.side[i].config.messages = true;
		p.side[i].config.wire = &wire_vaulttcp;
		p.side[i].config.raw_protocol = p.side[0].config.handshake.protocol;
		p.side[i].in_cap = p.side[i].out_cap = SESSION_BIGBUF;
		p.side[i].stay_open = true;
	}
	p.side[0].config.pause_ms = 1000000; /* nothing proves it by itself */
	pair_start(&p);
	pair_run(&p);
	for (int i = 0; i < 2; i++)
		end_init(&e[i], &p.side[i], FRAMING_U32, 1000, given[0], i == 0 ? len : 0, ALL);
	run(&p, e);
	CHECK_INT(e[1].got_len, len);
	CHECK(memcmp(e[1].got, given[0], len) == 0);
	CHECK_INT(p.side[0].s.messages_sent, 4);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	end_free(&e[0]);
	end_free(&e[1]);
	pair_free(&p);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_pieces);
	RUN(test_long);
	RUN(test_cut);
	RUN(test_too_long_to_send);
	RUN(test_not_to_be_taken);
	RUN(test_first_one_empty);
	UNIT_DONE();
}
