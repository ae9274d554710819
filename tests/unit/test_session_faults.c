/*
 * session: a transport that cuts, changes, repeats, drops, swaps or blocks. No side believes in an
 * end that did not come, and what was delivered is a strict beginning of what was sent.
 */
#include "pair.h"

static uint8_t data[3000];

static void begin(struct pair *p, const char *protocol)
{
	pair_init(p, protocol);
	for (int i = 0; i < 2; i++) {
		p->side[i].config.handshake_ms = 10000;
		p->side[i].config.message_ms = 3000;
		p->side[i].config.idle_ms = 20000;
		p->side[i].app_in = 40;
		side_input(&p->side[i], data + 7 * i, i == 0 ? 120 : 90);
	}
}

static void check_prefix(const struct side *a, const struct side *sender)
{
	CHECK(a->got_len <= sender->input_len);
	CHECK(a->got_len == 0 || memcmp(a->got, sender->input, a->got_len) == 0);
}

/* How many bytes each way makes a whole session. */
static void measure(const char *protocol, size_t total[2])
{
	struct pair p;

	begin(&p, protocol);
	pair_start(&p);
	CHECK(pair_finish(&p));
	for (int i = 0; i < 2; i++) {
		CHECK_INT(side_code(&p.side[i]), ERROR_OK);
		total[i] = p.side[i].cable.tail;
	}
	pair_free(&p);
}

static void cut_once(const char *protocol, int from, size_t at, bool small)
{
	struct pair p;
	struct side *a, *b;

	begin(&p, protocol);
	a = &p.side[from];
	b = &p.side[!from];
	a->cable.cut_at = at;
	if (small)
		b->wire_in = 3;
	pair_start(&p);
	CHECK(pair_finish(&p));
	/* The last byte of each way matters to its receiver. */
	CHECK_INT(side_code(b), b->s.ready ? ERROR_TRUNCATED : ERROR_NETWORK);
	check_prefix(b, a);
	check_prefix(a, b);
	if (side_code(a) == ERROR_OK)
		CHECK(b->finished && b->got_len == a->input_len && a->got_len == b->input_len);
	pair_free(&p);
}

static void test_cut_everywhere(void)
{
	static const char *const some[] = {"XX", "IK", "NN"};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		size_t total[2];

		measure(some[i], total);
		for (int from = 0; from < 2; from++)
			for (size_t at = 0; at < total[from]; at++)
				cut_once(some[i], from, at, at % 5 == 0);
	}
}

static void flip_once(const char *protocol, int from, size_t at, uint8_t bit)
{
	struct pair p;
	struct side *a, *b;

	begin(&p, protocol);
	a = &p.side[from];
	b = &p.side[!from];
	a->cable.flip_at = at;
	a->cable.flip = bit;
	pair_start(&p);
	CHECK(pair_finish(&p));
	CHECK(side_code(b) != ERROR_OK);
	check_prefix(b, a);
	check_prefix(a, b);
	CHECK(b->got_len < a->input_len || !b->finished || side_code(b) != ERROR_OK);
	pair_free(&p);
}

static void test_flip_everywhere(void)
{
	static const char *const some[] = {"XX", "IKpsk2"};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		size_t total[2];

		measure(some[i], total);
		for (int from = 0; from < 2; from++)
			for (size_t at = 0; at < total[from]; at++)
				flip_once(some[i], from, at, (uint8_t)(1 << ((at + i * 3) % 8)));
	}
}

/* Whole frames out of order. Six frames of ten bytes; ${order} says which come when. */
static void test_frames_out_of_order(void)
{
	static const struct {
		const char *order;
		size_t good;
	} orders[] = {{"012345", 6}, {"1", 0}, {"00", 1}, {"0112", 2}, {"02", 1}, {"10", 0}, {"012543", 3}, {"0120", 3}};
	enum { FRAME = 4 + 1 + 10 + 16 };

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct pair p;
		uint8_t frames[6 * FRAME];
		struct cable *c;

		pair_init(&p, "XX");
		pair_open(&p);
		c = &p.side[0].cable;
		for (size_t k = 0; k < 6; k++)
			forge(&p.side[0], V1_DATA, data + 10 * k, 10);
		c->tail -= sizeof(frames);
		memcpy(frames, c->bytes + c->tail, sizeof(frames));
		for (const char *k = orders[i].order; *k; k++)
			cable_put(c, frames + (size_t)(*k - '0') * FRAME, FRAME);
		pair_run(&p);
		CHECK_INT(p.side[1].got_len, 10 * orders[i].good);
		CHECK_MEM(p.side[1].got ? p.side[1].got : data, data, p.side[1].got_len);
		CHECK_INT(side_code(&p.side[1]), i == 0 ? ERROR_OK : ERROR_PROTOCOL);
		CHECK_INT(session_error(&p.side[1].s)->blame, i == 0 ? BLAME_NONE : BLAME_AUTH);
		pair_free(&p);
	}
}

/* A record sent back to its sender, and one of another session between the same two. */
static void test_strange_frames(void)
{
	struct pair p, q;

	pair_init(&p, "XX");
	pair_open(&p);
	forge(&p.side[0], V1_DATA, "mirror", 6);
	cable_put(&p.side[1].cable, p.side[0].cable.bytes + p.side[0].cable.tail - 27, 27);
	pair_run(&p);
	CHECK_INT(side_code(&p.side[0]), ERROR_PROTOCOL);
	CHECK_INT(p.side[0].got_len, 0);
	pair_free(&p);

	pair_init(&p, "XX");
	pair_open(&p);
	pair_init(&q, "XX");
	pair_counter = 1000;
	pair_open(&q);
	forge(&p.side[0], V1_DATA, "other", 5);
	cable_put(&q.side[0].cable, p.side[0].cable.bytes + p.side[0].cable.tail - 26, 26);
	pair_run(&q);
	CHECK_INT(side_code(&q.side[1]), ERROR_PROTOCOL);
	CHECK_INT(q.side[1].got_len, 0);
	pair_free(&p);
	pair_free(&q);
}

static void test_impossible_lengths(void)
{
	static const uint32_t lens[] = {0, 1, 16, 65536, 0x00ffffff, 0x80000000, UINT32_MAX};

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct pair p;
		uint8_t head[4];

		pair_init(&p, i % 2 ? "XX" : "NN");
		pair_open(&p);
		be_put32(head, lens[i]);
		cable_put(&p.side[i % 2].cable, head, 4);
		pair_run(&p);
		CHECK_INT(side_code(&p.side[!(i % 2)]), ERROR_PROTOCOL);
		CHECK(p.side[!(i % 2)].s.close_sent);
		pair_free(&p);
	}
}

/*
 * The peer has said all and left, while our application is so slow that its last records are not
 * opened yet (all windows are taken, or a compressed record waits for its buffer).
 */
static void test_end_behind_windows(void)
{
	for (int round = 0; round < 8; round++) {
		struct pair p;
		struct side *a = &p.side[round & 1], *b = &p.side[!(round & 1)];

		pair_init(&p, "XX");
		p.side[0].config.compress = p.side[1].config.compress = round & 2;
		side_input(a, data, 300);
		a->app_in = 2;
		b->deaf = true;
		pair_start(&p);
		pair_run(&p);
		CHECK(a->cable.shut && b->s.fin && !b->s.peer_eof);
		if (round & 4)
			session_broken(&b->s, true, "reset");
		CHECK_INT(side_code(b), ERROR_OK);
		b->deaf = false;
		pair_run(&p);
		CHECK_INT(b->got_len, 300);
		CHECK_MEM(b->got, data, 300);
		CHECK_INT(side_code(b), ERROR_OK);
		CHECK_INT(side_code(a), round & 4 ? ERROR_TRUNCATED : ERROR_OK);
		pair_free(&p);
	}
}

/* The same with a transport that was cut: all that arrived is delivered, then the truth is told. */
static void test_cut_behind_windows(void)
{
	for (int round = 0; round < 4; round++) {
		struct pair p;

		pair_init(&p, "XX");
		p.side[0].config.compress = p.side[1].config.compress = round & 1;
		p.side[0].config.drain_ms = p.side[1].config.drain_ms = 0;
		pair_open(&p);
		p.side[1].deaf = true;
		p.side[0].app_in = 3;
		side_input(&p.side[0], data, 300);
		pair_run(&p);
		p.side[0].cable.cut_at = p.side[0].cable.tail;
		pair_run(&p);
		if (round & 2)
			session_broken(&p.side[1].s, true, "reset");
		p.now += 100000;
		pair_run(&p);
		p.side[1].deaf = false;
		pair_run(&p);
		CHECK_INT(p.side[1].got_len, 300);
		CHECK_INT(side_code(&p.side[1]), ERROR_TRUNCATED);
		CHECK(side_closed(&p.side[1]));
		pair_free(&p);
	}
}

/* An error at the very end of a full buffer: the peer is still read, so that its end is seen. */
static void test_error_in_full_buffer(void)
{
	static uint8_t most[SESSION_FRAMEMAX - 22 - 21];

	for (int abort = 0; abort < 2; abort++) {
		struct pair p;
		struct side *b = &p.side[1];

		pair_init(&p, "XX");
		pair_open(&p);
		b->deaf = true;
		forge(&p.side[0], V1_DATA, most, sizeof(most));
		forge(&p.side[0], abort ? 100 : 50, "x", 1);
		session_abort(&p.side[0].s, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "gone");
		pair_step_side(&p, 1);
		CHECK_INT(b->s.in_cap - b->s.in_tail, abort ? 0 : b->s.in_cap - b->s.in_head);
		if (abort)
			session_abort(&b->s, CLOSE_TIMEOUT, ERROR_TIMEOUT, "enough");
		b->deaf = false;
		pair_run(&p);
		CHECK_INT(b->got_len, abort ? 0 : sizeof(most));
		CHECK(b->s.fin && side_closed(b));
		pair_free(&p);
	}
}

/* Our application stops after the peer's end, with the buffer full: what comes behind is still read. */
static void test_stop_with_full_buffer(void)
{
	static uint8_t most[60000], total[8] = {[6] = 60000 >> 8, [7] = 60000 & 255};

	for (int status = 0; status < 2; status++) {
		struct pair p;
		struct side *a = &p.side[0], *b = &p.side[1];

		pair_init(&p, "XX");
		pair_open(&p);
		b->deaf = true;
		forge(a, V1_DATA, most, sizeof(most));
		forge(a, V1_EOF, total, sizeof(total));
		for (int i = 0; i < 300; i++)
			forge(a, V1_PING, "12345678", 8);
		a->s.sent = sizeof(most);
		a->s.eof_want = a->s.eof_sent = true;
		a->s.pings = 300;
		a->s.ping_value = be_get64((const uint8_t *)"12345678");
		pair_run(&p);
		CHECK(b->s.peer_eof && b->s.in_tail == b->s.in_cap);
		CHECK(!(session_state(&b->s) & SESSION_RECV_WIRE));
		session_stop(&b->s, status ? RECEIPT_FAILED : RECEIPT_DONE, 0);
		CHECK(session_state(&b->s) & SESSION_RECV_WIRE);
		a->stay_open = b->stay_open = false;
		a->ended = true;
		pair_run(&p);
		CHECK(side_closed(a) && side_closed(b));
		CHECK_INT(side_code(a), ERROR_PEER);
		CHECK_INT(side_code(b), ERROR_OK);
		pair_free(&p);
	}
}

/* The peer is told even if the buffer was full when it happened. */
static void test_close_behind_full_buffer(void)
{
	struct pair p;

	pair_init(&p, "XX");
	pair_open(&p);
	p.side[0].cable.stalled = true;
	side_input(&p.side[0], data, sizeof(data));
	p.side[0].app_in = 1000;
	for (int i = 0; i < 200; i++) {
		p.side[0].input_pos = 0;
		pair_run(&p);
	}
	CHECK(session_room(&p.side[0].s) < 32768);
	p.side[0].s.out_cap = p.side[0].s.out_tail; /* not a byte is free */
	session_abort(&p.side[0].s, CLOSE_OUTPUT, ERROR_IO, "output failed");
	CHECK(!p.side[0].s.close_sent && !side_closed(&p.side[0]));
	CHECK(!(session_state(&p.side[0].s) & SESSION_SHUT_WIRE));
	p.side[0].cable.stalled = false;
	pair_run(&p);
	CHECK(p.side[0].s.close_sent);
	CHECK_INT(side_code(&p.side[1]), ERROR_PEER);
	CHECK_STR(session_error(&p.side[1].s)->text, "the peer's output failed or its reader went away");
	CHECK(side_closed(&p.side[0]) && side_closed(&p.side[1]));
	pair_free(&p);
}

/*
 * Among those who only look, or are looked at, nothing is compressed, whatever they offer: the buffer
 * for it may be lent to another session. Plain data is as wrong, from who looks.
 */
static void test_data_in_probe(void)
{
	for (int round = 0; round < 3; round++) {
		struct pair p;
		struct side *liar = &p.side[round == 1], *other = &p.side[round != 1];
		struct squash z = {0};
		uint8_t body[500], untouched[SQUASH_PLAIN];
		size_t n = 0;

		pair_init(&p, "IK");
		p.side[0].config.probe = p.side[0].config.compress = p.side[1].config.compress = true;
		p.side[0].stay_open = true;
		pair_start(&p);
		memset(untouched, 0xaa, sizeof(untouched));
		memcpy(other->config.unsquash_buf, untouched, sizeof(untouched));
		while (!p.side[1].s.ready)
			if (!pair_step_side(&p, 0) && !pair_step_side(&p, 1))
				break;
		while (pair_step_side(&p, 1))
			;
		CHECK_INT(p.side[0].s.out_head, p.side[0].s.out_tail);
		CHECK_INT(squash_piece(&z, 3, data, 100, body, sizeof(body), &n), 0);
		forge(liar, round == 2 ? V1_DATA : V1_ZDATA, body, n);
		while (step_wire(other, &liar->cable))
			;
		CHECK_INT(side_code(other), ERROR_PROTOCOL);
		CHECK(strstr(session_error(&other->s)->text, round == 2 ? "data in a probe" : "without agreement") != NULL);
		CHECK(!p.side[0].s.compress && !p.side[1].s.compress);
		CHECK_MEM(other->config.unsquash_buf, untouched, sizeof(untouched));
		squash_free(&z);
		pair_free(&p);
	}
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 5 + i / 256);
	RUN(test_cut_everywhere);
	RUN(test_flip_everywhere);
	RUN(test_frames_out_of_order);
	RUN(test_strange_frames);
	RUN(test_impossible_lengths);
	RUN(test_end_behind_windows);
	RUN(test_cut_behind_windows);
	RUN(test_error_in_full_buffer);
	RUN(test_stop_with_full_buffer);
	RUN(test_close_behind_full_buffer);
	RUN(test_data_in_probe);
	UNIT_DONE();
}
