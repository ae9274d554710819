/*
 * session: the verdict on the peer's key, and refusals: who says what before and after it, and that
 * no secret outlives the handshake or the session.
 */
#include "pair.h"

/* No byte leaves an initiator between the key and the verdict; after a refusal none at all. */
static void test_verdict_first(void)
{
	static const char *const some[] = {"XX", "IK", "NN", "XXpsk3", "KK", "X1X1", "NX"};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		for (int good = 0; good < 2; good++) {
			struct pair p;
			size_t before;

			pair_init(&p, some[i]);
			p.side[0].hold_judge = true;
			side_input(&p.side[0], "data", 4);
			pair_start(&p);
			before = p.side[0].s.out_tail; /* the hello */
			pair_run(&p);
			CHECK_INT(session_state(&p.side[0].s) & ~(unsigned)SESSION_INPUT_DONE,
			    SESSION_JUDGE | SESSION_RECV_WIRE);
			CHECK_INT(p.side[0].cable.tail, before);
			CHECK_INT(session_peer(&p.side[0].s)->has_key, strcmp(some[i], "NN") != 0);
			p.side[0].refusal = good ? NULL : "not the pinned key";
			p.side[0].hold_judge = false;
			pair_run(&p);
			CHECK_INT(side_code(&p.side[0]), good ? ERROR_OK : ERROR_AUTH);
			CHECK_INT(side_code(&p.side[1]), good ? ERROR_OK : ERROR_NETWORK);
			CHECK_INT(p.side[0].cable.tail > before, good);
			CHECK_INT(p.side[1].got_len, good ? 4 : 0);
			pair_free(&p);
		}
	}
}

/* Who was refused has nothing to wait for; who refused sees that it arrives. */
static void test_refusal_ends_at_once(void)
{
	struct pair p;

	pair_init(&p, "XX");
	pair_start(&p);
	session_refuse_busy(&p.side[1].s);
	while (pair_step_side(&p, 1))
		;
	CHECK(!side_closed(&p.side[1]) && p.side[1].cable.shut);
	p.side[1].cable.shut = false; /* it keeps the connection */
	pair_step_side(&p, 0);
	CHECK(side_closed(&p.side[0]));
	CHECK_INT(side_code(&p.side[0]), ERROR_NETWORK);
	pair_run(&p);
	CHECK(side_closed(&p.side[1]));
	pair_free(&p);
}

/* A responder refuses by CLOSE, which says no reason but 'not authorized'. */
static void test_responder_refuses(void)
{
	static const char *const some[] = {"XX", "IK", "NN"};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		struct pair p;

		pair_init(&p, some[i]);
		p.side[1].refusal = "expired yesterday";
		side_input(&p.side[0], "data", 4);
		pair_start(&p);
		pair_run(&p);
		CHECK(!p.side[0].opened && !p.side[1].opened && p.side[1].got_len == 0);
		CHECK_INT(side_code(&p.side[1]), ERROR_AUTH);
		CHECK_STR(session_error(&p.side[1].s)->text, "expired yesterday");
		CHECK_INT(side_code(&p.side[0]), ERROR_AUTH);
		CHECK(strstr(session_error(&p.side[0].s)->text, i < 2 ? "add it to the peer's authorized_keys" : "shows none in this") != NULL);
		CHECK(strstr(session_error(&p.side[0].s)->text, "expired") == NULL);
		CHECK(side_closed(&p.side[0]) && side_closed(&p.side[1]));
		pair_free(&p);
	}
}

/* Advice that fits what was shown: no key, one of 448, a throw-away one. */
static void test_advice(void)
{
	static const struct {
		const char *protocol, *advice;
		bool throwaway;
	} cases[] = {
	    {"XX", "authorized_keys", false},
	    {"XX", "vault-keygen", true},
	    {"NX", "another --protocol", false},
#if WITH_LIBCRYPTO
	    {"Noise_XX_448_ChaChaPoly_SHA512", "with 25519", false},
#endif
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair p;

		pair_init(&p, cases[i].protocol);
		p.side[0].config.throwaway = cases[i].throwaway;
		p.side[1].refusal = "no";
		pair_start(&p);
		pair_run(&p);
		CHECK_INT(side_code(&p.side[0]), ERROR_AUTH);
		CHECK(strstr(session_error(&p.side[0].s)->text, cases[i].advice) != NULL);
		CHECK_INT(strstr(session_error(&p.side[0].s)->text, "add it") != NULL, i < 2);
		pair_free(&p);
	}
}

/* Busy, at every moment: in clear before the records begin, inside the encryption after. */
static void test_busy(void)
{
	for (int steps = 0; steps < 16; steps++) {
		struct pair p;

		pair_init(&p, steps % 2 ? "XX" : "IK");
		p.side[0].stay_open = p.side[1].stay_open = true;
		pair_start(&p);
		for (int i = 0; i < steps / 2; i++) {
			pair_step_side(&p, 0);
			pair_step_side(&p, 1);
		}
		session_refuse_busy(&p.side[1].s);
		pair_run(&p);
		CHECK_INT(side_code(&p.side[0]), ERROR_NETWORK);
		CHECK(strstr(session_error(&p.side[0].s)->text, "busy") != NULL);
		CHECK_INT(side_code(&p.side[1]), ERROR_NETWORK);
		CHECK(side_closed(&p.side[0]) && side_closed(&p.side[1]));
		pair_free(&p);
	}
}

/* The frame form of a refusal is one only where nothing else was said yet, after the right pattern. */
static void test_frame_form(void)
{
	for (int round = 0; round < 3; round++) {
		struct pair p;

		pair_init(&p, round == 1 ? "IK" : "XX");
		p.side[0].stay_open = p.side[1].stay_open = true;
		p.side[1].hold_judge = round < 2;
		pair_start(&p);
		pair_run(&p);
		cable_put(&p.side[1].cable, (const uint8_t[]){0, 0, 0, 0, REFUSE_KEYS}, 4);
		pair_run(&p);
		CHECK_INT(side_code(&p.side[0]), round == 0 ? ERROR_OK : ERROR_PROTOCOL);
		cable_put(&p.side[1].cable, (const uint8_t[]){REFUSE_KEYS}, 1);
		pair_run(&p);
		CHECK_INT(side_code(&p.side[0]), round == 0 ? ERROR_AUTH : ERROR_PROTOCOL);
		pair_free(&p);
	}
}

/* The verdict comes when the session has ended already: nobody is greeted any more. */
static void test_late_verdict(void)
{
	for (int who = 0; who < 2; who++) {
		for (int how = 0; how < 3; how++) {
			struct pair p;
			struct side *a = &p.side[who];
			size_t said;

			pair_init(&p, "XX");
			a->hold_judge = true;
			a->config.handshake_ms = 1000;
			pair_start(&p);
			pair_run(&p);
			CHECK(session_state(&a->s) & SESSION_JUDGE);
			if (how == 0)
				session_abort(&a->s, CLOSE_INTERRUPTED, ERROR_TRUNCATED, "interrupted");
			else if (how == 1)
				session_tick(&a->s, 2000);
			else
				session_fin(&a->s);
			CHECK(!(session_state(&a->s) & SESSION_JUDGE));
			said = a->s.out_tail;
			CHECK_INT(said > 0, who == 1 && how < 2);
			session_judge(&a->s, NULL);
			CHECK_INT(a->s.out_tail, said);
			CHECK(!(session_state(&a->s) & SESSION_READY));
			pair_free(&p);
		}
	}
}

static bool holds(const void *where, size_t size, const uint8_t *secret)
{
	return memmem(where, size, secret, 32) != NULL;
}

/* Static secret, psk and traffic keys are nowhere in the struct after the end. */
static void test_wiped(void)
{
	struct pair p;
	uint8_t key[32];

	pair_init(&p, "XXpsk3");
	pair_start(&p);
	CHECK(holds(&p.side[0].desk, sizeof(p.side[0].desk), p.side[0].secret));
	CHECK(holds(&p.side[0].desk, sizeof(p.side[0].desk), p.psk));
	p.side[0].stay_open = p.side[1].stay_open = true;
	pair_run(&p);
	CHECK(!holds(&p.side[0].desk, sizeof(p.side[0].desk), p.side[0].secret)); /* from the split on */
	CHECK(!holds(&p.side[0].desk, sizeof(p.side[0].desk), p.psk));
	memcpy(key, p.side[0].s.tx.aead.key, sizeof(key));
	CHECK(holds(&p.side[1].s, sizeof(p.side[1].s), key));
	for (int i = 0; i < 2; i++) {
		session_free(&p.side[i].s);
		CHECK(!holds(&p.side[i].s, sizeof(p.side[i].s), key));
		CHECK_INT(session_state(&p.side[i].s), SESSION_CLOSED);
		p.side[i].s.phase = PHASE_HANDSHAKE;
		CHECK(sodium_is_zero((const uint8_t *)&p.side[i].s, sizeof(p.side[i].s)));
	}
	pair_free(&p);
	/* A handshake that failed keeps nothing even before it is freed. */
	pair_init(&p, "XXpsk0");
	p.side[1].config.handshake.psk = key;
	pair_start(&p);
	pair_run(&p);
	CHECK_INT(side_code(&p.side[0]), ERROR_AUTH);
	for (int i = 0; i < 2; i++) {
		CHECK(!holds(&p.side[i].s, sizeof(p.side[i].s), p.side[i].secret));
		CHECK(!holds(&p.side[i].s, sizeof(p.side[i].s), p.psk));
	}
	pair_free(&p);
}

/* Of several psks each side learns which one it was, before the verdict. */
static void test_which_psk(void)
{
	static const char *const patterns[] = {"XXpsk3", "XXpsk0", "NNpsk0+psk2"};
	static struct handshake_psks list;
	static const struct handshake_psk own = {.name = "mine"};
	struct pair p;

	for (size_t i = 0; i < 3; i++) {
		pair_init(&p, patterns[i]);
		list.count = 3;
		memset(list.keys, 1, sizeof(list.keys));
		memcpy(list.keys[i], p.psk, sizeof(p.psk));
		snprintf(list.about[i].name, HANDSHAKE_PSKNAME, "number %zu", i);
		list.about[i].line = 7;
		p.side[0].config.handshake.psk_about = &own;
		p.side[1].config.handshake.psk = NULL;
		p.side[1].config.handshake.psks = &list;
		pair_start(&p);
		p.side[0].stay_open = p.side[1].stay_open = true;
		pair_run(&p);
		CHECK(session_agreed(&p.side[0].s) && session_agreed(&p.side[1].s));
		CHECK(p.side[1].s.peer.has_psk && p.side[1].s.peer.psk.line == 7);
		CHECK_STR(p.side[1].s.peer.psk.name, list.about[i].name);
		CHECK_STR(p.side[0].s.peer.psk.name, "mine");
		CHECK(!holds(&p.side[1].desk, sizeof(p.side[1].desk), p.psk));
		session_free(&p.side[0].s);
		session_free(&p.side[1].s);
		pair_free(&p);
	}
}

struct known {
	const struct side *side; /* or NULL: nobody */
	int asked;
};

static bool paired(const void *owner, const uint8_t identity[32], const uint8_t key[32])
{
	struct known *known = (struct known *)(uintptr_t)owner;

	known->asked++;
	return known->side && memcmp(identity, known->side->identity, 32) == 0 && memcmp(key, known->side->public, 32) == 0;
}

/* What is known is taken, what is not is computed; one that shows another's identity is refused in either case. */
static void test_paired(void)
{
	for (int known = 0; known < 2; known++) {
		for (int lies = 0; lies < 2; lies++) {
			struct pair p;
			struct known who = {.side = known ? &p.side[0] : NULL};

			pair_init(&p, "XX");
			p.side[1].config.paired = paired;
			p.side[1].config.paired_owner = &who;
			if (lies)
				p.side[0].config.identity = p.side[1].identity;
			pair_start(&p);
			pair_run(&p);
			CHECK_INT(side_code(&p.side[1]), lies ? ERROR_PROTOCOL : ERROR_OK);
			CHECK_INT(session_peer(&p.side[1].s)->has_identity, !lies);
			CHECK_INT(who.asked, 1);
			pair_free(&p);
		}
	}
}

/* Whoever gives the public key of its secret one saves its computation; another one fits nothing. */
static void test_static_public(void)
{
	static const char *const some[] = {"XX", "IK", "KK"};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		for (int wrong = 0; wrong < 2; wrong++) {
			struct pair p;

			pair_init(&p, some[i]);
			p.side[0].config.handshake.static_public = p.side[0].public;
			p.side[1].config.handshake.static_public = p.side[wrong ? 0 : 1].public;
			pair_start(&p);
			pair_run(&p);
			CHECK_INT(side_code(&p.side[0]), wrong ? ERROR_AUTH : ERROR_OK);
			CHECK_INT(p.side[1].opened, !wrong);
			pair_free(&p);
		}
	}
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_verdict_first);
	RUN(test_responder_refuses);
	RUN(test_refusal_ends_at_once);
	RUN(test_advice);
	RUN(test_busy);
	RUN(test_frame_form);
	RUN(test_late_verdict);
	RUN(test_paired);
	RUN(test_static_public);
	RUN(test_wiped);
	RUN(test_which_psk);
	UNIT_DONE();
}
