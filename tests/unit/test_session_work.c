/*
 * session: the expensive part of a handshake, done elsewhere. It makes the same bytes as in place; while it is away the
 * session takes none, keeps no secret of it, and may be refused, run out of time or end.
 */
#include "pair.h"

static const char *const some[] = {"XX", "IK", "NN", "XXpsk3", "KK", "X1X1", "NX", "IKpsk2", "Noise_XX_25519_AESGCM_BLAKE2b"};
#define SOME (sizeof(some) / sizeof(some[0]))

static struct session_work w;

static bool all_zero(const void *at, size_t n)
{
	return sodium_is_zero(at, n);
}

static bool heavy(const struct side *a)
{
	return session_state(&a->s) & SESSION_HEAVY;
}

static void init(struct pair *p, const char *protocol)
{
	pair_init(p, protocol);
	p->side[1].config.handshake.puts_off = true;
	memset(&w, 0xee, sizeof(w));
}

/* One message, in another place. */
static void work(struct side *a)
{
	CHECK(!(session_state(&a->s) & SESSION_RECV_WIRE));
	session_work_take(&a->s, &w);
	CHECK(!heavy(a) && !(session_state(&a->s) & SESSION_RECV_WIRE));
	CHECK(all_zero(&a->desk.handshake.noise, sizeof(a->desk.handshake.noise)));
	session_work_do(&w);
	session_work_back(&a->s, &w);
	CHECK(all_zero(&w.handshake, sizeof(w.handshake)));
}

/* To where nothing moves; returns how many messages were worked on elsewhere. */
static int run(struct pair *p)
{
	int n = 0;

	for (pair_run(p); heavy(&p->side[1]); pair_run(p), n++)
		work(&p->side[1]);
	return n;
}

static bool same_cable(const struct cable *a, const struct cable *b)
{
	return a->tail == b->tail && memcmp(a->bytes, b->bytes, a->tail) == 0;
}

/* The whole session twice: what either says is the same to the byte. */
static void test_same_bytes(void)
{
	for (size_t i = 0; i < SOME; i++) {
		for (size_t step = 1; step <= ALL / 2; step += ALL / 2 - 1) { /* byte by byte, and at once */
			struct pair here, there;
			int n;

			pair_init(&here, some[i]);
			side_input(&here.side[0], "data", 4);
			pair_start(&here);
			pair_run(&here);
			init(&there, some[i]);
			there.side[1].wire_in = step;
			side_input(&there.side[0], "data", 4);
			pair_start(&there);
			n = run(&there);
			CHECK_INT(n, (noise_protocol_messages(&there.side[0].config.handshake.protocol) + 1) / 2);
			CHECK_INT(side_code(&there.side[1]), ERROR_OK);
			CHECK_INT(there.side[1].got_len, 4);
			CHECK(same_cable(&here.side[0].cable, &there.side[0].cable));
			CHECK(same_cable(&here.side[1].cable, &there.side[1].cable));
			pair_free(&here);
			pair_free(&there);
		}
	}
}

/* What is wrong with a message is found, and told, as it is in place. */
static void test_wrong(void)
{
	for (size_t at = 0; at < 2; at++) { /* another psk; a flipped bit of the first Noise message's tag */
		struct pair p;
		uint8_t other[32] = {1};

		init(&p, at == 0 ? "XXpsk3" : "IK");
		if (at == 0)
			p.side[0].config.handshake.psk = other;
		else {
			p.side[0].cable.flip_at = 120;
			p.side[0].cable.flip = 1;
		}
		pair_start(&p);
		CHECK_INT(run(&p), at == 0 ? 2 : 1);
		CHECK_INT(side_code(&p.side[1]), ERROR_AUTH);
		CHECK_INT(side_code(&p.side[0]), ERROR_AUTH);
		CHECK(!p.side[0].opened && !p.side[1].opened);
		pair_free(&p);
	}
}

/* Garbage and what is not allowed is refused at once, without a thread. */
static void test_cheap_refusals(void)
{
	struct pair p;
	const char *allowed[] = {"IK"};

	init(&p, "XX");
	p.side[1].config.handshake.allowed = allowed;
	pair_start(&p);
	CHECK_INT(run(&p), 0);
	CHECK_INT(side_code(&p.side[1]), ERROR_AUTH);
	pair_free(&p);
	init(&p, "XX");
	p.side[0].cable.flip_at = 0;
	p.side[0].cable.flip = 1;
	pair_start(&p);
	CHECK_INT(run(&p), 0);
	CHECK_INT(side_code(&p.side[1]), ERROR_PROTOCOL);
	pair_free(&p);
}

/* Step until message ${n} (from 0) of those that are worked on elsewhere is away. */
static void park(struct pair *p, const char *protocol, int n)
{
	init(p, protocol);
	p->side[1].config.handshake_ms = 1000;
	pair_start(p);
	for (pair_run(p); n > 0; n--, pair_run(p))
		work(&p->side[1]);
	CHECK(heavy(&p->side[1]));
	session_work_take(&p->side[1].s, &w);
	pair_run(p);
	CHECK(!side_closed(&p->side[1]));
}

/* What comes back finds that all is over: it is wiped, and changes nothing. */
static void too_late(struct pair *p, size_t said)
{
	struct error before = *session_error(&p->side[1].s);

	session_work_do(&w);
	session_work_back(&p->side[1].s, &w);
	CHECK(all_zero(&w.handshake, sizeof(w.handshake)));
	CHECK_INT(session_error(&p->side[1].s)->code, before.code);
	CHECK_STR(session_error(&p->side[1].s)->text, before.text);
	CHECK(session_send_wire_buf(&p->side[1].s, &said) == NULL);
}

/* "Busy" in the form that the peer reads next, at once: nobody waits for a thread. */
static void test_busy_while_away(void)
{
	for (int n = 0; n < 2; n++) {
		struct pair p;

		park(&p, "XX", n);
		session_refuse_busy(&p.side[1].s);
		pair_run(&p);
		CHECK_INT(side_code(&p.side[0]), ERROR_NETWORK);
		CHECK(strstr(session_error(&p.side[0].s)->text, "busy") != NULL);
		too_late(&p, 0);
		pair_run(&p);
		CHECK(side_closed(&p.side[1]));
		pair_free(&p);
	}
}

static void test_time_out_while_away(void)
{
	for (int n = 0; n < 2; n++) {
		struct pair p;

		park(&p, "XX", n);
		CHECK_INT(session_deadline(&p.side[1].s), p.now + 1000);
		p.now += 1000;
		pair_run(&p);
		CHECK(side_closed(&p.side[1]));
		CHECK_INT(side_code(&p.side[1]), ERROR_TIMEOUT);
		too_late(&p, 0);
		pair_free(&p);
	}
}

/* A session may be freed while its work is away, begun or not. */
static void test_freed_while_away(void)
{
	for (int done = 0; done < 2; done++) {
		struct pair p;

		park(&p, "XX", 1);
		CHECK(!all_zero(&w.handshake.noise, sizeof(w.handshake.noise)));
		pair_free(&p);
		CHECK(all_zero(&p.side[1].s.tx, sizeof(p.side[1].s.tx)));
		CHECK(all_zero(&p.side[1].desk.handshake, sizeof(p.side[1].desk.handshake)));
		if (done)
			session_work_do(&w);
		session_work_drop(&w);
		CHECK(all_zero(&w.handshake, sizeof(w.handshake)));
	}
}

/* Guesses of a code are counted by all together: no message of such a handshake goes away. */
static void test_code_stays(void)
{
	struct handshake_code ours = {"1234ABCD", 8, 3}, theirs = ours;
	struct pair p;

	init(&p, "XXpsk0");
	p.side[0].config.handshake.psk = p.side[1].config.handshake.psk = NULL;
	p.side[0].config.handshake.code = &theirs;
	p.side[1].config.handshake.code = &ours;
	side_input(&p.side[0], "data", 4);
	pair_start(&p);
	CHECK_INT(run(&p), 0);
	CHECK_INT(side_code(&p.side[1]), ERROR_OK);
	CHECK(session_peer(&p.side[1].s)->by_code);
	CHECK_INT(ours.guesses, 3);
	CHECK_INT(p.side[1].got_len, 4);
	pair_free(&p);
}

/* Nor of one that needs libcrypto, which is loaded when it is first used. */
static void test_libcrypto_stays(void)
{
#if WITH_LIBCRYPTO
	static const char *const names[] = {"Noise_XX_448_ChaChaPoly_SHA512", "Noise_XX_25519_ChaChaPoly_BLAKE2s"};

	for (size_t i = 0; i < 2; i++) {
		struct pair p;

		init(&p, names[i]);
		side_input(&p.side[0], "data", 4);
		pair_start(&p);
		CHECK_INT(run(&p), 0);
		CHECK_INT(side_code(&p.side[1]), ERROR_OK);
		CHECK_INT(p.side[1].got_len, 4);
		pair_free(&p);
	}
#endif
}

int main(void)
{
	CHECK_INT(secret_init(), 0);
	RUN(test_same_bytes);
	RUN(test_wrong);
	RUN(test_cheap_refusals);
	RUN(test_busy_while_away);
	RUN(test_time_out_while_away);
	RUN(test_freed_while_away);
	RUN(test_code_stays);
	RUN(test_libcrypto_stays);
	UNIT_DONE();
}
