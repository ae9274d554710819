/*
 * The raw wire: the pause behind the handshake, what the transport acknowledged, who ends first and how, keys that are
 * refused, clocks.
 */
#include "raw_pair.h"

/* ---- the pause ---- */

static void test_pause(void)
{
	static const char *const patterns[] = {"XX", "XK", "XN"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct pair p;
		struct side *a = &p.side[0];

		raw_init(&p, patterns[i], 0, 0);
		p.side[0].config.pause_ms = p.side[1].config.pause_ms = 50;
		raw_open(&p);
		CHECK(session_state(&p.side[1].s) & SESSION_SEND_APP);
		CHECK(!(session_state(&a->s) & SESSION_SEND_APP));
		CHECK_INT(session_deadline(&a->s), p.now + 50);
		session_tick(&a->s, p.now + 49);
		CHECK(!(session_state(&a->s) & SESSION_SEND_APP));
		session_tick(&a->s, p.now + 50);
		CHECK(session_state(&a->s) & SESSION_SEND_APP);
		pair_free(&p);
	}
}

/* A frame of the peer shows that it has read the handshake. */
static void test_pause_ends_early(void)
{
	struct pair p;

	raw_init(&p, "NN", 5, 7);
	p.side[0].config.pause_ms = p.side[1].config.pause_ms = 50;
	pair_start(&p);
	pair_run(&p);
	check_whole(&p);
	CHECK_INT(p.now, 1000);
	pair_free(&p);
}

/* As long as the last handshake message is not acknowledged, the pause begins anew. */
static void test_pause_and_transport(void)
{
	struct pair p;
	struct session *s = &p.side[0].s;

	raw_init(&p, "XX", 0, 0);
	p.side[0].config.pause_ms = 50;
	p.side[0].config.tells_unacked = true;
	raw_open(&p);
	CHECK(session_asks_unacked(s) && !session_asks_unacked(&p.side[1].s));
	session_tick(s, p.now + 50);
	session_unacked(s, 64);
	CHECK(session_asks_unacked(s) && !(session_state(s) & SESSION_SEND_APP));
	session_tick(s, p.now + 99);
	session_unacked(s, 0);
	CHECK(session_asks_unacked(s) && !(session_state(s) & SESSION_SEND_APP));
	session_tick(s, p.now + 100);
	session_unacked(s, 0);
	CHECK(!session_asks_unacked(s) && (session_state(s) & SESSION_SEND_APP));
	pair_free(&p);
}

/* ---- the end ---- */

/* A side that has said nothing does not end first, unless it only sends. */
static void test_who_ends_first(void)
{
	for (int way = 0; way < 2; way++) {
		struct pair p;

		raw_init(&p, "NN", 0, 0);
		p.side[0].config.take_nothing = way == 1;
		p.side[0].config.raw_idle_ms = 300000;
		p.side[1].stay_open = true;
		pair_start(&p);
		pair_run(&p);
		CHECK(session_state(&p.side[0].s) & SESSION_READY || side_closed(&p.side[0]) || way == 1);
		CHECK_INT(p.side[0].cable.shut, way == 1);
		if (way == 1)
			CHECK_INT(p.side[0].s.messages_sent, 1);
		if (way == 0) {
			p.now += 500;
			p.side[1].stay_open = false;
			p.side[1].input_len = 100;
			pair_run(&p);
			check_whole(&p);
		}
		pair_free(&p);
	}
}

static void one_way(struct pair *p)
{
	raw_init(p, "XX", 1000, 0);
	p->side[0].config.take_nothing = true;
	p->side[0].config.tells_unacked = true;
	p->side[0].config.raw_idle_ms = 60000;
	p->side[1].deaf = true;
	p->side[1].cable.fin_told = true; /* its end never comes */
	pair_start(p);
	pair_run(p);
	CHECK_INT(p->side[0].s.phase, PHASE_LINGER);
	CHECK(session_asks_unacked(&p->side[0].s));
}

static void test_unacked(void)
{
	struct pair p;
	struct session *s = &p.side[0].s;
	int64_t now = 1000;

	/* The peer takes a little now and then: it is waited for, however long. */
	one_way(&p);
	for (size_t left = 500; left > 0; left -= 10) {
		session_tick(s, now += 50000);
		session_unacked(s, left);
		CHECK(!(session_state(s) & SESSION_CLOSED));
		CHECK(session_deadline(s) > now && session_deadline(s) <= now + 100);
	}
	CHECK_INT(s->confirmed, 990);
	session_unacked(s, 0);
	CHECK_INT(s->confirmed, 1000);
	CHECK(!(session_state(s) & SESSION_CLOSED));
	session_tick(s, now += 5000);
	CHECK(side_closed(&p.side[0]));
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	pair_free(&p);

	/* It takes no more: a timeout, and no success. */
	one_way(&p);
	session_tick(s, now = 2000);
	session_unacked(s, 500);
	session_tick(s, now += 59999);
	session_unacked(s, 500);
	CHECK(!side_closed(&p.side[0]));
	session_tick(s, now += 1);
	session_unacked(s, 500);
	CHECK(side_closed(&p.side[0]) && session_wants_reset(s));
	CHECK_INT(side_code(&p.side[0]), ERROR_TIMEOUT);
	pair_free(&p);

	/* Interrupted, or reset, while that is unknown: no success. */
	for (int how = 0; how < 3; how++) {
		one_way(&p);
		session_unacked(s, how == 2 ? 0 : 500);
		if (how == 0)
			session_abort(s, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "interrupted");
		else
			session_broken(s, how == 2, "reset");
		CHECK(side_closed(&p.side[0]));
		CHECK_INT(side_code(&p.side[0]), ERROR_TRUNCATED);
		pair_free(&p);
	}
}

static void test_broken(void)
{
	for (int how = 0; how < 4; how++) {
		struct pair p;
		struct session *s = &p.side[0].s;

		raw_init(&p, "NN", 0, 0);
		p.side[0].config.take_nothing = how >= 2;
		raw_open(&p);
		session_broken(s, how % 2 == 0, "reset");
		CHECK(side_closed(&p.side[0]));
		CHECK_INT(side_code(&p.side[0]), ERROR_TRUNCATED);
		CHECK(session_wants_reset(s));
		pair_free(&p);
	}
}

/* What came before a reset is given to the application, and then it is no success. */
static void test_reset_behind_data(void)
{
	struct pair p;
	struct side *b = &p.side[1];

	raw_init(&p, "NN", 0, 0);
	raw_open(&p);
	b->deaf = true;
	forge_raw(&p.side[0], 100);
	pair_run(&p);
	session_broken(&b->s, true, "reset");
	CHECK(!side_closed(b));
	CHECK(!(session_state(&b->s) & SESSION_SHUT_WIRE));
	b->deaf = false;
	pair_run(&p);
	CHECK(side_closed(b));
	CHECK_INT(b->got_len, 100);
	CHECK_INT(side_code(b), ERROR_TRUNCATED);
	pair_free(&p);
}

static void test_output_failed(void)
{
	for (int how = 0; how < 2; how++) {
		struct pair p;
		struct side *b = &p.side[1];

		raw_init(&p, "NN", 100, 0);
		if (how == 0)
			b->status = RECEIPT_FAILED;
		pair_start(&p);
		if (how == 1)
			b->deaf = true;
		pair_run(&p);
		if (how == 1)
			session_stop(&b->s, RECEIPT_FAILED, 0);
		CHECK(side_closed(b));
		CHECK_INT(side_code(b), ERROR_IO);
		CHECK(session_wants_reset(&b->s));
		pair_free(&p);
	}
}

/* ---- keys ---- */

static void test_refused(void)
{
	static const char *const patterns[] = {"XX", "NX", "XK", "IK", "NN"};

	for (size_t i = 0; i < 5; i++) {
		for (int who = 0; who < 2; who++) {
			struct pair p;

			raw_init(&p, patterns[i], 100, 0);
			p.side[who].refusal = "not this one";
			pair_start(&p);
			pair_run(&p);
			CHECK_INT(side_code(&p.side[who]), ERROR_AUTH);
			CHECK_STR(session_error(&p.side[who].s)->text, "not this one");
			CHECK(session_wants_reset(&p.side[who].s));
			CHECK_INT(p.side[1].got_len, 0);
			CHECK(!p.side[who].opened);
			pair_free(&p);
		}
	}
}

/* Made for another key: the server cannot read it and leaves; a client concludes that. */
static void test_wrong_key(void)
{
	static const char *const patterns[] = {"NK", "XK", "IK"};

	for (size_t i = 0; i < 3; i++) {
		struct pair p;

		raw_init(&p, patterns[i], 100, 0);
		p.side[0].config.handshake.remote_static = p.side[0].public;
		pair_start(&p);
		pair_run(&p);
		CHECK_INT(side_code(&p.side[1]), ERROR_AUTH);
		CHECK_INT(side_code(&p.side[0]), ERROR_AUTH);
		CHECK_INT(p.side[1].cable.tail, 0);
		pair_free(&p);
	}
}

/* ---- clocks ---- */

static void test_clocks(void)
{
	struct pair p;
	struct session *s = &p.side[1].s;

	raw_init(&p, "NN", 0, 0);
	p.side[1].config.raw_idle_ms = 300000;
	p.side[1].config.message_ms = 30000;
	p.side[1].config.handshake_ms = 10000;
	raw_open(&p);
	CHECK_INT(session_deadline(s), 301000);
	p.now = 200000;
	forge_raw(&p.side[0], 0); /* an empty message is a sign of life */
	pair_run(&p);
	CHECK_INT(session_deadline(s), 500000);
	p.now = 300000;
	cable_put(&p.side[0].cable, (const uint8_t *)"\0\0", 2);
	pair_run(&p);
	CHECK_INT(session_deadline(s), 330000);
	session_tick(s, 330000);
	CHECK_INT(side_code(&p.side[1]), ERROR_TIMEOUT);
	CHECK(side_closed(&p.side[1]) && session_wants_reset(s));
	pair_free(&p);
}

/* Who only sends notices a peer that takes nothing. */
static void test_stuck(void)
{
	struct pair p;
	struct session *s = &p.side[0].s;

	raw_init(&p, "NN", 100000, 0);
	p.side[0].config.take_nothing = true;
	p.side[0].config.raw_idle_ms = 1000;
	p.side[0].stay_open = true;
	pair_start(&p);
	pair_run(&p);
	p.side[0].cable.stalled = true;
	p.side[0].input = data[0];
	p.side[0].input_pos = 0;
	pair_run(&p);
	CHECK(session_state(s) & SESSION_SEND_WIRE);
	CHECK_INT(session_deadline(s), 2000);
	session_tick(s, 2000);
	CHECK_INT(side_code(&p.side[0]), ERROR_TIMEOUT);
	pair_free(&p);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	raw_data();
	RUN(test_pause);
	RUN(test_pause_ends_early);
	RUN(test_pause_and_transport);
	RUN(test_who_ends_first);
	RUN(test_unacked);
	RUN(test_broken);
	RUN(test_reset_behind_data);
	RUN(test_output_failed);
	RUN(test_refused);
	RUN(test_wrong_key);
	RUN(test_clocks);
	RUN(test_stuck);
	UNIT_DONE();
}
