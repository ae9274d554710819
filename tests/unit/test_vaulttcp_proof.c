/*
 * The raw wire where the responder says the last handshake message: what an initiator must show before it is
 * served, and what its end is worth.
 */
#include "raw_pair.h"

static const char *const responder_last[] = {"NN", "NX", "NK", "IN", "IX", "IK", "X1X1"};
#define RESPONDER_LAST (sizeof(responder_last) / sizeof(responder_last[0]))

static bool has_key(const char *pattern)
{
	return pattern[0] != 'N';
}

/* A client that knows no more than a public key, or repeats a first message, gets that far. It says nothing. */
static void only_hands(struct pair *p, const char *pattern, size_t n1)
{
	raw_init(p, pattern, 0, n1);
	p->side[0].config.pause_ms = 1000000;
	p->side[0].stay_open = true;
	p->side[1].config.handshake_ms = 10000;
	pair_start(p);
	pair_run(p);
	CHECK(session_state(&p->side[0].s) & SESSION_READY);
	CHECK_INT(p->side[0].cable.tail, handshake_bytes(p, 0));
	CHECK(!p->side[1].opened);
}

/* It leaves: there has been no session, and nobody's empty file is complete. */
static void test_unproven_end(void)
{
	for (size_t i = 0; i < RESPONDER_LAST; i++) {
		struct pair p;

		only_hands(&p, responder_last[i], 100);
		p.side[0].cable.shut = true;
		pair_run(&p);
		CHECK(side_closed(&p.side[1]));
		CHECK(!session_agreed(&p.side[1].s) && !p.side[1].finished);
		CHECK(!session_wants_reset(&p.side[1].s));
		CHECK_INT(side_code(&p.side[1]), has_key(responder_last[i]) ? ERROR_AUTH : ERROR_NETWORK);
		pair_free(&p);
	}
}

/* It says what is no frame of the keys that were agreed; also if that is forged or unfinished. */
static void test_unproven_noise(void)
{
	static const uint8_t noise[][24] = {"GET / HTTP/1.0\r\n", {0, 0, 0, 20, 1, 2, 3}, {0}, {0, 0, 0, 200, 9}};
	static const size_t lengths[] = {16, 24, 1, 5};

	for (size_t i = 0; i < RESPONDER_LAST; i++) {
		for (size_t k = 0; k < 4; k++) {
			struct pair p;

			only_hands(&p, responder_last[i], 100);
			cable_put(&p.side[0].cable, noise[k], lengths[k]);
			pair_run(&p);
			CHECK_INT(side_closed(&p.side[1]), k < 2);
			session_tick(&p.side[1].s, p.now + 5000);
			CHECK(!session_agreed(&p.side[1].s));
			session_tick(&p.side[1].s, p.now + 10000);
			CHECK_INT(side_code(&p.side[1]), k == 0 ? ERROR_PROTOCOL : k == 1 ? ERROR_AUTH : ERROR_TIMEOUT);
			CHECK(!session_agreed(&p.side[1].s) && !p.side[1].finished);
			pair_free(&p);
		}
	}
}

/* It stays: without a key it is served after a while, unless there is nothing for it; with one it must prove it. */
static void test_unproven_silence(void)
{
	for (size_t i = 0; i < RESPONDER_LAST; i++) {
		for (int recv_only = 0; recv_only < 2; recv_only++) {
			bool served = !has_key(responder_last[i]) && !recv_only;
			struct pair p;
			struct session *s = &p.side[1].s;

			raw_init(&p, responder_last[i], 0, 0);
			p.side[1].config.send_nothing = recv_only;
			p.side[1].config.handshake_ms = 10000;
			p.side[0].config.pause_ms = 1000000;
			raw_hands(&p);
			CHECK_INT(session_deadline(s), p.now + (served ? 500 : 10000));
			session_tick(s, p.now + 499);
			CHECK(!session_agreed(s));
			session_tick(s, p.now + 500);
			CHECK_INT(session_agreed(s), served);
			session_tick(s, p.now + 10000);
			CHECK_INT(side_code(&p.side[1]), served ? ERROR_OK : ERROR_TIMEOUT);
			pair_free(&p);
		}
	}
}

/* Then it gets what there is; its end is one if it came for something. */
static void test_only_receives(void)
{
	for (size_t i = 0; i < 3; i++) {
		for (size_t n = 0; n <= 1000; n += 1000) {
			struct pair p;

			only_hands(&p, responder_last[i], n);
			p.now += 500;
			p.side[1].stay_open = n == 0;
			p.side[0].stay_open = false;
			pair_run(&p);
			CHECK(session_agreed(&p.side[1].s));
			if (n > 0) {
				check_whole(&p);
			} else {
				p.side[0].cable.shut = true;
				pair_run(&p);
				CHECK_INT(side_code(&p.side[1]), ERROR_TRUNCATED);
				CHECK(!p.side[1].finished && session_wants_reset(&p.side[1].s));
			}
			pair_free(&p);
		}
	}
}

/* An initiator with a key and nothing to say proves it by an empty message, once. */
static void test_proves_itself(void)
{
	for (size_t i = 0; i < RESPONDER_LAST; i++) {
		struct pair p;

		if (!has_key(responder_last[i]))
			continue;
		raw_init(&p, responder_last[i], 0, 0);
		p.side[0].config.pause_ms = p.side[1].config.pause_ms = 50;
		p.side[1].config.handshake_ms = 10000;
		raw_hands(&p);
		CHECK(!session_agreed(&p.side[1].s));
		CHECK_INT(session_deadline(&p.side[0].s), p.now + 50);
		p.now += 50;
		pair_run(&p);
		CHECK(session_agreed(&p.side[1].s));
		side_input(&p.side[1], data[1], 1000);
		p.side[0].stay_open = p.side[1].stay_open = false;
		pair_finish(&p);
		check_whole(&p);
		CHECK_INT(p.side[0].s.messages_sent, 1);
		CHECK_INT(p.side[0].s.sent, 0);
		pair_free(&p);
	}
}

/* Whoever speaks in time says no empty message, and a probe never does. */
static void test_proves_by_data(void)
{
	for (int probe = 0; probe < 2; probe++) {
		struct pair p;

		raw_init(&p, "IK", probe ? 0 : 10, 0);
		p.side[0].config.pause_ms = probe ? 0 : 50;
		p.side[0].config.probe = probe;
		pair_start(&p);
		CHECK(pair_finish(&p));
		CHECK_INT(p.side[0].s.messages_sent, !probe);
		CHECK_INT(side_code(&p.side[0]), ERROR_OK);
		CHECK_INT(side_code(&p.side[1]), probe ? ERROR_AUTH : ERROR_OK);
		pair_free(&p);
	}
}

/* One way and nothing to send: that is a session, and its end counts. */
static void test_empty_one_way(void)
{
	static const char *const patterns[] = {"NN", "NX", "IK", "XX"};

	for (size_t i = 0; i < 4; i++) {
		struct pair p;

		raw_init(&p, patterns[i], 0, 0);
		p.side[0].config.take_nothing = true;
		p.side[0].config.pause_ms = p.side[1].config.pause_ms = 50;
		pair_start(&p);
		pair_run(&p);
		CHECK_INT(side_code(&p.side[1]), ERROR_OK);
		CHECK(p.side[1].finished);
		CHECK_INT(p.side[1].s.messages_received, patterns[i][0] != 'X');
		pair_free(&p);
	}
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	raw_data();
	RUN(test_unproven_end);
	RUN(test_unproven_noise);
	RUN(test_unproven_silence);
	RUN(test_only_receives);
	RUN(test_proves_itself);
	RUN(test_proves_by_data);
	RUN(test_empty_one_way);
	UNIT_DONE();
}
