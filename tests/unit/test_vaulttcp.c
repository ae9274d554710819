/*
 * The raw wire (vault-tcp) and the one that tells both apart (auto), in pairs of sessions: every pattern, any
 * size of step, cuts and damage at every byte.
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
	RUN(test_auto);
	RUN(test_auto_garbage);
	UNIT_DONE();
}
