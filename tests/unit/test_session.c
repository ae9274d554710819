/*
 * session: what two honest sides do. Every pattern and cipher, any size of buffer and of step, data
 * both ways; nothing is lost under back-pressure.
 */
#include "whole_pair.h"

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

int main(void)
{
	if (secret_init() != 0)
		return 1;
	whole_data();
	RUN(test_protocols);
	RUN(test_byte_by_byte);
	RUN(test_odd_chunks);
	RUN(test_bulk_and_nothing);
	RUN(test_growing);
	RUN(test_shrinking);
	RUN(test_back_pressure);
	UNIT_DONE();
}
