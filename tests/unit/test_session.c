/*
 * session: what two honest sides do. Every pattern and cipher, any size of buffer and of step, data
 * both ways, messages, compression, probe and one-way modes; nothing is lost under back-pressure.
 */
#include "pair.h"

static uint8_t data[2][400000];

/* Both sent all, got all of the other's, and say so. */
static void check_complete(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct side *a = &p->side[i], *b = &p->side[!i];

		CHECK(side_closed(a));
		CHECK_INT(side_code(a), ERROR_OK);
		CHECK_STR(session_error(&a->s)->text, "");
		CHECK_INT(a->got_len, b->input_len);
		CHECK(a->got_len == b->input_len && (a->got_len == 0 || memcmp(a->got, b->input, a->got_len) == 0));
		CHECK_INT(a->s.sent, a->input_len);
		CHECK_INT(a->s.delivered, b->input_len);
		CHECK(a->opened && a->finished && a->cable.shut);
		CHECK_INT(session_peer(&a->s)->status, RECEIPT_DONE);
		CHECK(session_heard(&a->s));
	}
}

static void inputs(struct pair *p, size_t n0, size_t n1)
{
	side_input(&p->side[0], data[0], n0);
	side_input(&p->side[1], data[1], n1);
}

static void whole(struct pair *p)
{
	pair_start(p);
	pair_run(p);
	check_complete(p);
	pair_free(p);
}

static const char *const protocols[] = {
    "XX", "IK", "NN", "NK", "KK", "X1X1", "IX", "XXpsk3", "IKpsk2", "NNpsk0", "NNpsk0+psk2",
    "Noise_XX_25519_ChaChaPoly_SHA256", "Noise_XX_25519_ChaChaPoly_SHA512",
    "Noise_IK_25519_ChaChaPoly_BLAKE2b",
#if WITH_LIBCRYPTO
    "Noise_XX_448_ChaChaPoly_SHA512", "Noise_XX_25519_AESGCM_BLAKE2s", "Noise_NN_448_AESGCM_SHA256",
#endif
};

static void test_protocols(void)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		struct pair p;

		pair_init(&p, protocols[i]);
		inputs(&p, 1000, 200000);
		pair_start(&p);
		pair_run(&p);
		check_complete(&p);
		CHECK_MEM(p.side[0].s.handshake_hash, p.side[1].s.handshake_hash, HASH_MAX);
		CHECK_STR(p.side[1].s.protocol.name, p.side[0].s.protocol.name);
		for (int k = 0; k < 2; k++) {
			const struct session_peer *peer = session_peer(&p.side[k].s);
			bool has = noise_protocol_peer_has_static(&p.side[0].s.protocol, k == 0);
			bool is_25519 = p.side[0].s.protocol.dh == DH_25519;

			CHECK_INT(peer->has_key, has);
			CHECK_INT(peer->has_identity, has && is_25519);
			CHECK(peer->authenticated);
			CHECK_INT(peer->throwaway, !is_25519);
			if (has && is_25519) {
				CHECK_MEM(peer->key, p.side[!k].public, 32);
				CHECK_MEM(peer->identity, p.side[!k].identity, 32);
			}
			CHECK_STR(peer->software, p.side[!k].config.software);
		}
		pair_free(&p);
	}
}

static void test_byte_by_byte(void)
{
	static const char *const some[] = {"XX", "IK", "NN", "XXpsk3"};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct pair p;

		pair_init(&p, some[i]);
		inputs(&p, 150, 90);
		for (int k = 0; k < 2; k++) {
			struct side *a = &p.side[k];

			a->wire_in = a->wire_out = a->app_in = a->app_out = 1;
			a->windows = 1;
		}
		whole(&p);
	}
}

static void test_odd_chunks(void)
{
	static const size_t chunks[] = {2, 3, 7, 21, 22, 23, 1000, 65517, 65518, 65519, 65538, 65539, 65540};

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		struct pair p;
		size_t n = chunks[i] < 100 ? 5000 : sizeof(data[0]);

		pair_init(&p, "NN");
		inputs(&p, n, n - 1);
		p.side[0].app_in = p.side[1].wire_out = chunks[i];
		p.side[0].wire_out = p.side[1].app_in = chunks[(i + 3) % 13];
		p.side[0].wire_in = p.side[1].app_out = chunks[(i + 5) % 13];
		p.side[0].in_cap = p.side[1].out_cap = i % 2 ? SESSION_BIGBUF : SESSION_FRAMEMAX + i;
		p.side[0].windows = 1 + (int)i;
		whole(&p);
	}
}

/* Several full records to one call, both ways; and an empty session. */
static void test_bulk_and_nothing(void)
{
	struct iovec iov[64];
	struct pair p;

	pair_init(&p, "XX");
	inputs(&p, sizeof(data[0]), sizeof(data[1]));
	for (int i = 0; i < 2; i++)
		p.side[i].in_cap = p.side[i].out_cap = SESSION_BIGBUF;
	whole(&p);

	pair_init(&p, "XX");
	p.side[0].in_cap = p.side[0].out_cap = SESSION_BIGBUF;
	p.side[1].in_cap = p.side[1].out_cap = SESSION_BIGBUF;
	pair_open(&p);
	CHECK_INT(session_send_app_iov(&p.side[0].s, iov, 64), SESSION_BULK);
	for (int i = 0; i < SESSION_BULK; i++) {
		CHECK_INT(iov[i].iov_len, V1_BODYMAX);
		memset(iov[i].iov_base, i + 1, iov[i].iov_len);
	}
	session_send_app_ack(&p.side[0].s, 15 * V1_BODYMAX + 1);
	p.side[1].deaf = true;
	pair_run(&p);
	CHECK_INT(session_recv_app_iov(&p.side[1].s, iov, 64), SESSION_BULK);
	for (int i = 0; i < SESSION_BULK; i++) {
		CHECK_INT(iov[i].iov_len, i < 15 ? V1_BODYMAX : 1);
		CHECK_INT(((uint8_t *)iov[i].iov_base)[0], i + 1);
		CHECK_INT(((uint8_t *)iov[i].iov_base)[iov[i].iov_len - 1], i + 1);
	}
	pair_free(&p);

	pair_init(&p, "IK");
	whole(&p);
}

/* The handshake in small buffers, the data in bigger ones, exchanged in the middle of it. */
static void grow(struct side *a, size_t in_cap, size_t out_cap)
{
	uint8_t *in = need(in_cap), *out = need(out_cap);

	CHECK_INT(session_buffers(&a->s, in, in_cap, out, out_cap), 0);
	memset(a->in, 0xdd, a->in_cap);
	memset(a->out, 0xdd, a->out_cap);
	free(a->in);
	free(a->out);
	a->in = in;
	a->out = out;
	a->in_cap = in_cap;
	a->out_cap = out_cap;
}

static void test_growing(void)
{
	for (size_t after = 0; after < 600; after += after < 120 ? 1 : 37) {
		struct pair p;
		size_t steps = 0;
		bool moved = true;

		pair_init(&p, after % 2 ? "XX" : "IK");
		inputs(&p, 300, 100000);
		for (int i = 0; i < 2; i++) {
			p.side[i].in_cap = p.side[i].out_cap = SESSION_SMALLBUF;
			p.side[i].wire_in = 11;
			p.side[i].app_out = 7;
		}
		pair_start(&p);
		while (moved) {
			moved = pair_step_side(&p, 0);
			moved |= pair_step_side(&p, 1);
			if (steps++ != after)
				continue;
			grow(&p.side[0], SESSION_FRAMEMAX, SESSION_FRAMEMAX + 1);
			grow(&p.side[1], SESSION_BIGBUF, SESSION_FRAMEMAX);
			p.side[0].wire_in = p.side[0].app_out = ALL;
			moved = true;
		}
		check_complete(&p);
		pair_free(&p);
	}
}

/* What is held cannot go into buffers that are too small; then nothing changes. */
static void test_shrinking(void)
{
	struct pair p;
	uint8_t small[10], fit[SESSION_FRAMEMAX];

	pair_init(&p, "XX");
	pair_open(&p);
	inputs(&p, 30, 0);
	p.side[1].deaf = true;
	pair_step_side(&p, 0);
	CHECK(session_state(&p.side[0].s) & SESSION_SEND_WIRE);
	CHECK_INT(session_buffers(&p.side[0].s, fit, sizeof(fit), small, sizeof(small)), -1);
	pair_run(&p);
	CHECK_INT(session_buffers(&p.side[1].s, small, sizeof(small), fit, sizeof(fit)), -1);
	p.side[1].deaf = false;
	p.side[0].stay_open = p.side[1].stay_open = false;
	pair_run(&p);
	check_complete(&p);
	pair_free(&p);
}

/* Neither a deaf application nor a blocked wire loses anything, whichever comes first. */
static void test_back_pressure(void)
{
	for (int round = 0; round < 8; round++) {
		struct pair p;

		pair_init(&p, "NN");
		inputs(&p, sizeof(data[0]), sizeof(data[1]));
		p.side[0].app_in = round & 1 ? 13 : ALL; /* many small records fill the windows first */
		if (round & 1)
			p.side[0].input_len = 20000;
		p.side[0].config.compress = p.side[1].config.compress = round & 4;
		p.side[1].deaf = true;
		p.side[0].cable.stalled = round & 2;
		pair_start(&p);
		pair_run(&p);
		CHECK(!side_closed(&p.side[0]) && !side_closed(&p.side[1]));
		CHECK_INT(p.side[1].got_len, 0);
		p.side[0].cable.stalled = false;
		pair_run(&p);
		CHECK(!side_closed(&p.side[0]));
		CHECK(p.side[1].s.win_count <= SESSION_WINDOWS);
		p.side[1].deaf = false;
		pair_run(&p);
		check_complete(&p);
		pair_free(&p);
	}
}

static void test_compression(void)
{
	static uint8_t noise[300000];

	randombytes_buf_deterministic(noise, sizeof(noise), (const uint8_t[randombytes_SEEDBYTES]){7});
	for (int mix = 0; mix < 4; mix++) {
		struct pair p;

		pair_init(&p, "XX");
		inputs(&p, sizeof(data[0]), 0);
		side_input(&p.side[1], noise, sizeof(noise));
		p.side[0].config.compress = mix & 1;
		p.side[1].config.compress = mix & 2;
		pair_start(&p);
		pair_run(&p);
		check_complete(&p);
		CHECK_INT(p.side[0].s.compress, mix == 3);
		CHECK_INT(p.side[1].s.compress, mix == 3);
		CHECK((p.side[0].cable.tail < sizeof(data[0]) / 10) == (mix == 3));
		CHECK(p.side[1].cable.tail < sizeof(noise) + 1000);
		pair_free(&p);
	}
}

/* Message boundaries survive, also of messages longer than a record. */
static void test_messages(void)
{
	static const size_t lens[] = {1, 70000, 5, 65518, 65519, 131036};
	const struct session_window *w;
	struct pair p;
	size_t at = 0, message = 0, len = 0;

	pair_init(&p, "XX");
	p.side[0].config.messages = p.side[1].config.messages = true;
	p.side[0].out_cap = p.side[1].in_cap = SESSION_BIGBUF;
	p.side[1].deaf = true;
	pair_open(&p);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		side_input(&p.side[0], data[0], at + lens[i]);
		p.side[0].input_pos = at;
		CHECK(move_input(&p.side[0]));
		CHECK_INT(p.side[0].input_pos, at + lens[i]);
		at += lens[i];
		pair_run(&p);
	}
	CHECK_INT(p.side[0].s.messages_sent, 6);
	for (at = 0; (w = session_recv_app_window(&p.side[1].s)) != NULL;) {
		bool more = w->more;

		CHECK_MEM(w->data, data[0] + at, w->len);
		len += w->len;
		at += w->len;
		session_recv_app_ack(&p.side[1].s, w->len);
		if (more)
			continue;
		CHECK(message < 6 && len == lens[message]);
		message++;
		len = 0;
	}
	CHECK_INT(message, 6);
	CHECK_INT(p.side[1].s.messages_received, 6);
	pair_free(&p);
}

/* Before READY nobody knows whether boundaries are agreed, so nothing may be sent that has one. */
static void test_no_message_before_ready(void)
{
	struct pair p;

	pair_init(&p, "XX");
	p.side[0].config.messages = p.side[1].config.messages = true;
	p.side[0].stay_open = p.side[1].stay_open = p.side[1].hold_judge = true;
	inputs(&p, 100, 0);
	pair_start(&p);
	pair_run(&p);
	CHECK_INT(p.side[0].s.sent, 0);
	p.side[1].hold_judge = false;
	pair_run(&p);
	CHECK_INT(p.side[1].s.messages_received, 1);
	pair_free(&p);
}

static void test_wait_ready(void)
{
	for (int wait = 0; wait < 2; wait++) {
		struct pair p;

		pair_init(&p, "IK");
		p.side[0].config.wait_ready = wait;
		p.side[1].hold_judge = true;
		inputs(&p, 100, 0);
		pair_start(&p);
		pair_run(&p);
		CHECK_INT(p.side[0].s.sent, wait ? 0 : 100);
		CHECK(!p.side[0].opened && !p.side[1].opened && p.side[1].got_len == 0);
		p.side[1].hold_judge = false;
		pair_run(&p);
		check_complete(&p);
		pair_free(&p);
	}
}

static void test_probe(void)
{
	for (int early = 0; early < 2; early++) {
		struct pair p;

		pair_init(&p, early ? "IK" : "XX");
		p.side[0].config.probe = true;
		p.side[0].stay_open = p.side[1].stay_open = true;
		inputs(&p, 10, 10);
		pair_start(&p);
		pair_run(&p);
		for (int i = 0; i < 2; i++) {
			CHECK(side_closed(&p.side[i]));
			CHECK_INT(side_code(&p.side[i]), ERROR_OK);
			CHECK_INT(p.side[i].got_len, 0);
			CHECK_INT(session_peer(&p.side[i].s)->probe, i == 1);
		}
		CHECK(p.side[0].s.rtt_ms >= 0);
		pair_free(&p);
	}
}

/* A side that takes nothing: an empty direction ends well, a byte in it is an error of the sender. */
static void test_take_nothing(void)
{
	for (int taker = 0; taker < 2; taker++) {
		for (size_t n = 0; n < 2; n++) {
			struct pair p;
			struct side *sender;

			pair_init(&p, "XX");
			sender = &p.side[!taker];
			p.side[taker].config.take_nothing = true;
			side_input(&p.side[taker], data[0], 5000);
			sender->stay_open = n == 0;
			/* The initiator's byte is on its way before the STOP comes; the responder's is not. */
			side_input(sender, data[1], n);
			pair_start(&p);
			pair_run(&p);
			CHECK(side_closed(&p.side[0]) && side_closed(&p.side[1]));
			CHECK_INT(sender->got_len, 5000);
			CHECK_INT(side_code(&p.side[taker]), ERROR_OK);
			CHECK_INT(side_code(sender), sender->s.sent > 0 ? ERROR_PEER : ERROR_OK);
			CHECK_INT(p.side[taker].got_len, 0);
			pair_free(&p);
		}
	}
}

/* An idle session needs neither desk nor buffers, and goes on with others. */
static void test_rest(void)
{
	static const uint8_t text[] = "after a rest";
	struct pair p;

	pair_init(&p, "XX");
	pair_start(&p);
	CHECK(!session_rest(&p.side[0].s)); /* it shakes hands */
	p.side[0].stay_open = p.side[1].stay_open = true;
	pair_run(&p);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2; i++) {
			struct side *a = &p.side[i];

			CHECK(session_rest(&a->s));
			CHECK(session_resting(&a->s));
			CHECK_INT(session_state(&a->s), SESSION_READY | SESSION_RECV_WIRE | SESSION_SEND_APP);
			memset(a->in, 0xee, a->in_cap);
			memset(a->out, 0xee, a->out_cap);
			memset(&a->desk, 0xee, sizeof(a->desk));
			session_wake(&a->s, &a->desk, a->in, a->in_cap, a->out, a->out_cap);
			CHECK(!session_resting(&a->s));
		}
		p.side[round % 2].input = text;
		p.side[round % 2].input_len = sizeof(text);
		p.side[round % 2].input_pos = 0;
		pair_run(&p);
	}
	CHECK_INT(p.side[0].got_len, sizeof(text));
	CHECK_INT(p.side[1].got_len, 2 * sizeof(text));
	/* With something in hand there is no rest. */
	p.side[1].deaf = true;
	p.side[0].input_pos = 0;
	pair_run(&p);
	CHECK(!session_rest(&p.side[1].s));
	p.side[1].deaf = p.side[0].stay_open = p.side[1].stay_open = false;
	pair_run(&p);
	CHECK_INT(side_code(&p.side[0]), ERROR_OK);
	CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	pair_free(&p);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	for (size_t i = 0; i < sizeof(data[0]); i++) {
		data[0][i] = (uint8_t)(i * 7 + i / 1000);
		data[1][i] = (uint8_t)(i * 13 + i / 777);
	}
	RUN(test_rest);
	RUN(test_protocols);
	RUN(test_byte_by_byte);
	RUN(test_odd_chunks);
	RUN(test_bulk_and_nothing);
	RUN(test_growing);
	RUN(test_shrinking);
	RUN(test_back_pressure);
	RUN(test_compression);
	RUN(test_messages);
	RUN(test_no_message_before_ready);
	RUN(test_wait_ready);
	RUN(test_probe);
	RUN(test_take_nothing);
	UNIT_DONE();
}
