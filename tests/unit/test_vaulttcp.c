/*
 * The raw wire (vault-tcp) and the one that tells both apart (auto), in pairs of sessions: every pattern, any
 * size of step, cuts and damage at every byte, the pause, what the transport acknowledged, how it ends.
 */
#include "raw_pair.h"

/* Nothing but the handshake and frames of at most 65535 bytes; returns how many frames. */
static unsigned count_frames(const struct pair *p, int of)
{
	const struct cable *c = &p->side[of].cable;
	size_t at = handshake_bytes(p, of);
	unsigned frames = 0;

	while (at + 4 <= c->tail) {
		uint32_t len = be_get32(c->bytes + at);

		CHECK(len >= 16 && len <= 65535);
		at += 4 + len;
		frames++;
	}
	CHECK_INT(at, c->tail);
	return frames;
}

static void test_patterns(void)
{
	static const char *const protocols[] = {"NN", "NX", "NK", "XX", "XK", "IK", "XN", "IN", "IX", "X1X1",
	    "Noise_XX_25519_ChaChaPoly_SHA256", "Noise_NN_25519_ChaChaPoly_BLAKE2b",
#if WITH_LIBCRYPTO
	    "Noise_NN_25519_AESGCM_SHA512", "Noise_XX_25519_AESGCM_BLAKE2s", "Noise_XX_448_AESGCM_SHA512",
#endif
	};
	static const size_t steps[] = {ALL, 1, 7, 1000};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			size_t n = steps[k] == 1 ? 300 : 150000;
			struct pair p;

			raw_init(&p, protocols[i], n, n / 2);
			for (int side = 0; side < 2; side++)
				p.side[side].wire_in = p.side[side].wire_out = steps[k];
			pair_start(&p);
			pair_run(&p);
			check_whole(&p);
			CHECK_MEM(p.side[0].s.handshake_hash, p.side[1].s.handshake_hash, HASH_MAX);
			CHECK_INT(count_frames(&p, 0), p.side[0].s.messages_sent);
			CHECK_INT(count_frames(&p, 1), p.side[1].s.messages_sent);
			pair_free(&p);
		}
	}
}

static void test_message_sizes(void)
{
	static const size_t sizes[] = {1, 2, 65518, 65519, 65520, 131038, 131039};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pair p;

		raw_init(&p, "NN", sizes[i], 1);
		p.side[0].in_cap = p.side[0].out_cap = p.side[1].in_cap = p.side[1].out_cap = 4 * SESSION_FRAMEMAX;
		pair_start(&p);
		pair_run(&p);
		check_whole(&p);
		CHECK_INT(count_frames(&p, 0), (sizes[i] + 65518) / 65519);
		pair_free(&p);
	}
}

static void test_empty_and_largest(void)
{
	for (size_t max = 0; max < 2; max++) {
		struct pair p;

		raw_init(&p, "XX", 0, 0);
		p.side[1].config.max_message = max == 0 ? 0 : 1000;
		raw_open(&p);
		forge_raw(&p.side[0], 0);
		forge_raw(&p.side[0], 1000);
		forge_raw(&p.side[0], 0);
		pair_run(&p);
		CHECK_INT(p.side[1].got_len, 1000);
		CHECK_INT(p.side[1].s.messages_received, 3);
		forge_raw(&p.side[0], 1001);
		pair_run(&p);
		CHECK_INT(p.side[1].got_len, max == 0 ? 2001 : 1000);
		CHECK_INT(side_code(&p.side[1]), max == 0 ? ERROR_OK : ERROR_PROTOCOL);
		CHECK_INT(session_wants_reset(&p.side[1].s), max == 1);
		pair_free(&p);
	}
}

static void test_claims(void)
{
	static const uint32_t claims[] = {0, 1, 15, 65536, 65552, 0x80000000, 0xffffffff};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		for (int who = 0; who < 2; who++) {
			uint8_t header[4];
			struct pair p;

			raw_init(&p, "NN", 0, 0);
			raw_open(&p);
			be_put32(header, claims[i]);
			cable_put(&p.side[who].cable, header, sizeof(header));
			pair_run(&p);
			CHECK_INT(side_code(&p.side[!who]), ERROR_PROTOCOL);
			CHECK(side_closed(&p.side[!who]) && session_wants_reset(&p.side[!who].s));
			pair_free(&p);
		}
	}
}

/* ---- cuts and damage ---- */

/* An end of one direction at every byte: success only between frames, and only with what was before. */
static void test_cut_everywhere(void)
{
	for (int from = 0; from < 2; from++) {
		size_t all = 0, hands = 0;

		for (size_t cut = 0; cut == 0 || cut <= all; cut++) {
			struct pair p;
			struct side *b;
			bool between;

			raw_init(&p, "XX", 25, 40);
			p.side[0].app_in = p.side[1].app_in = 10;
			if (cut == 0) {
				pair_start(&p);
				pair_run(&p);
				all = p.side[from].cable.tail;
				hands = handshake_bytes(&p, from);
				pair_free(&p);
				raw_init(&p, "XX", 25, 40);
				p.side[0].app_in = p.side[1].app_in = 10;
			}
			b = &p.side[!from];
			p.side[from].cable.cut_at = cut;
			pair_start(&p);
			pair_run(&p);
			between = cut >= hands && ((cut - hands) % 30 == 0 || cut == all);
			CHECK_INT(side_code(b), between ? ERROR_OK : cut < hands ? ERROR_NETWORK : ERROR_TRUNCATED);
			CHECK(side_closed(b));
			CHECK_INT(session_wants_reset(&b->s), !between && cut >= hands);
			CHECK_INT(b->finished, between);
			check_got(b, &p.side[from]);
			pair_free(&p);
		}
	}
}

static void test_flip_everywhere(void)
{
	for (int from = 0; from < 2; from++) {
		for (size_t at = 0; at < 250; at++) {
			struct pair p;
			struct side *b;

			raw_init(&p, "XX", 25, 40);
			p.side[from].cable.flip_at = at;
			p.side[from].cable.flip = 1;
			p.side[0].config.message_ms = p.side[1].config.message_ms = 1000;
			p.side[0].config.handshake_ms = p.side[1].config.handshake_ms = 1000;
			p.side[0].config.raw_idle_ms = p.side[1].config.raw_idle_ms = 5000;
			pair_start(&p);
			CHECK(pair_finish(&p));
			b = &p.side[!from];
			check_got(b, &p.side[from]);
			CHECK(p.side[from].cable.tail <= at || side_code(&p.side[0]) != ERROR_OK ||
			    side_code(&p.side[1]) != ERROR_OK);
			CHECK(p.side[from].cable.tail <= at || b->got_len < p.side[from].input_len);
			pair_free(&p);
		}
	}
}

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

/* ---- auto ---- */

static void test_auto(void)
{
	for (int native = 0; native < 2; native++) {
		for (size_t step = 1; step < 300; step = step < 8 ? step + 1 : step * 3) {
			struct pair p;

			raw_init(&p, "XX", 1000, 500);
			p.side[1].config.wire = &wire_auto;
			p.side[1].config.raw_idle_ms = 300000;
			if (native)
				p.side[0].config.wire = &wire_vault1;
			p.side[0].wire_out = p.side[1].wire_in = step;
			pair_start(&p);
			pair_run(&p);
			check_whole(&p);
			CHECK_INT(session_is_raw(&p.side[1].s), !native);
			CHECK_INT(p.side[1].s.idle_ms, native ? 0 : 300000);
			pair_free(&p);
		}
	}
}

/* First bytes that are of neither wire. */
static void test_auto_garbage(void)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool raw;
		enum error_code code;
	} cases[] = {
	    {"VLT1\004junk\0\001x", 12, false, ERROR_AUTH},
	    {"VLT1\0", 5, false, ERROR_AUTH},
	    {"VLT", 3, true, ERROR_OK},
	    {"VLT2567890123456789012345678901", 31, true, ERROR_OK},
	    {"VLT25678901234567890123456789012", 32, true, ERROR_OK},
	    {"V\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32, true, ERROR_OK},
	    {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32, true, ERROR_PROTOCOL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair p;
		struct side *b = &p.side[1];

		raw_init(&p, "NN", 0, 0);
		b->config.wire = &wire_auto;
		b->config.handshake_ms = 1000;
		CHECK_INT(side_start(&p, 1), 0);
		b->stay_open = true;
		cable_put(&p.side[0].cable, (const uint8_t *)cases[i].bytes, cases[i].n);
		for (int k = 0; k < 100; k++)
			pair_step_side(&p, 1);
		CHECK_INT(side_code(b), cases[i].code);
		CHECK_INT(session_is_raw(&b->s), cases[i].raw);
		if (cases[i].code == ERROR_OK && cases[i].n < 32) {
			CHECK_INT(session_deadline(&b->s), 2000);
			session_tick(&b->s, 2000);
			CHECK_INT(side_code(b), ERROR_TIMEOUT);
		}
		CHECK(!(session_state(&b->s) & SESSION_READY));
		session_tick(&b->s, 1500);
		CHECK_INT((session_state(&b->s) & SESSION_READY) != 0, cases[i].code == ERROR_OK && cases[i].n == 32);
		side_start(&p, 0);
		pair_free(&p);
	}
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	raw_data();
	RUN(test_patterns);
	RUN(test_message_sizes);
	RUN(test_empty_and_largest);
	RUN(test_claims);
	RUN(test_cut_everywhere);
	RUN(test_flip_everywhere);
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
	RUN(test_auto);
	RUN(test_auto_garbage);
	UNIT_DONE();
}
