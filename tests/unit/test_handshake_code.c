/*
 * handshake_code: the same code on both sides gives a session; every wrong guess counts, however many come at once;
 * what is sent before the guess is the same for every code, but for the shares; nothing secret stays behind.
 */
#include "pair.h"

#define CROWD 16

struct end {
	struct handshake h;
	uint8_t in[16384], sent[16384];
	size_t head, tail, said;
};

static struct pair keys;
static struct handshake_code code[2];
static struct end a, b;

static void take(struct end *to, struct end *from, size_t step)
{
	size_t n = from->h.out_len, done = 0;

	memcpy(from->sent + from->said, from->h.out, n);
	from->said += n;
	while (done < n) {
		size_t k = n - done < step ? n - done : step;

		memcpy(to->in + to->tail, from->h.out + done, k);
		to->tail += k;
		done += k;
		to->head += handshake_feed(&to->h, to->in + to->head, to->tail - to->head);
		if (to->h.step == HANDSHAKE_JUDGE)
			handshake_judged(&to->h);
	}
	from->h.out_len = 0;
}

static void set_code(struct handshake_code *c, const char *text, unsigned guesses)
{
	memset(c, 0, sizeof *c);
	c->len = strlen(text);
	memcpy(c->bytes, text, c->len);
	c->guesses = guesses;
}

/* Both configurations: XXpsk0 and a code each. */
static void prepare(const char *one, const char *other)
{
	pair_init(&keys, "XXpsk0");
	set_code(&code[0], one, 0);
	set_code(&code[1], other, 3);
	for (int i = 0; i < 2; i++) {
		keys.side[i].config.handshake.psk = NULL;
		keys.side[i].config.handshake.code = &code[i];
	}
}

static void start_end(struct end *e, int who)
{
	memset(e, 0, sizeof *e);
	CHECK_INT(handshake_start(&e->h, &keys.side[who].config.handshake), 0);
}

static void start_ends(void)
{
	start_end(&a, 0);
	start_end(&b, 1);
}

static void run_ends(size_t step)
{
	while (a.h.out_len > 0 || b.h.out_len > 0) {
		take(&b, &a, step);
		take(&a, &b, step);
	}
}

static void free_ends(void)
{
	handshake_free(&a.h);
	handshake_free(&b.h);
	CHECK(sodium_is_zero((const uint8_t *)&a.h, sizeof a.h));
	CHECK(sodium_is_zero((const uint8_t *)&b.h, sizeof b.h));
}

/* No scalar, no psk. */
static bool clean(const struct handshake *h)
{
	return sodium_is_zero(h->psk, sizeof h->psk) && sodium_is_zero(h->pake.scalar, sizeof h->pake.scalar);
}

static void test_same_code(void)
{
	for (size_t step = 1; step < 400; step = step * 2 + 1) {
		prepare("7K3M9QXF", "7K3M9QXF");
		start_ends();
		run_ends(step);
		CHECK_INT(a.h.step, HANDSHAKE_DONE);
		CHECK_INT(b.h.step, HANDSHAKE_DONE);
		CHECK_MEM(noise_hash(&a.h.noise), noise_hash(&b.h.noise), 64);
		CHECK_INT(a.head, a.tail);
		CHECK_INT(b.head, b.tail);
		CHECK_INT(code[1].guesses, 3);
		CHECK(clean(&a.h) && clean(&b.h));
		free_ends();
	}
}

static void test_wrong_code(void)
{
	static const char *const told[] = {"the code is dead", "after 1 more", "after 2 more"};

	prepare("7K3M9QXG", "7K3M9QXF");
	for (int left = 2; left >= 0; left--) {
		start_ends();
		run_ends(10000);
		CHECK_INT(a.h.step, HANDSHAKE_FAILED);
		CHECK_INT(b.h.step, HANDSHAKE_FAILED);
		CHECK_INT(code[1].guesses, left);
		CHECK_INT(a.h.error.code, ERROR_AUTH);
		CHECK_INT(b.h.error.code, ERROR_AUTH);
		CHECK(strstr(a.h.error.text, "code is wrong") != NULL);
		CHECK(strstr(b.h.error.text, told[left]) != NULL);
		CHECK_INT(b.h.refusal, REFUSE_KEYS);
		CHECK_INT(a.h.refusal, REFUSE_KEYS);
		CHECK(clean(&a.h) && clean(&b.h));
		free_ends();
	}
	/* Dead: the right one is answered as a wrong one is. */
	set_code(&code[0], "7K3M9QXF", 0);
	start_ends();
	run_ends(10000);
	CHECK_INT(a.h.step, HANDSHAKE_FAILED);
	CHECK_INT(a.h.refusal, REFUSE_KEYS);
	CHECK_INT(code[1].guesses, 0);
	CHECK(strstr(b.h.error.text, "dead") != NULL);
	free_ends();
}

/* A crowd that has all its shares before anybody guesses: three guesses are answered, no more. */
static void test_crowd(void)
{
	static struct end guesser[CROWD], responder[CROWD];
	int done = 0;

	prepare("00000000", "7K3M9QXF");
	for (int i = 0; i < CROWD; i++) {
		if (i == CROWD - 1)
			set_code(&code[0], "7K3M9QXF", 0); /* the last one knows it, and is too late */
		start_end(&guesser[i], 0);
		start_end(&responder[i], 1);
		take(&responder[i], &guesser[i], 10000);
		take(&guesser[i], &responder[i], 10000);
		CHECK(guesser[i].h.started && guesser[i].h.out_len > 0);
	}
	for (int i = 0; i < CROWD; i++) {
		take(&responder[i], &guesser[i], 10000);
		CHECK_INT(responder[i].h.step, HANDSHAKE_FAILED);
		CHECK_INT(responder[i].h.refusal, REFUSE_KEYS);
		done += strstr(responder[i].h.error.text, "a wrong code was tried") != NULL;
	}
	CHECK_INT(done, 3);
	CHECK_INT(code[1].guesses, 0);
	for (int i = 0; i < CROWD; i++) {
		handshake_free(&guesser[i].h);
		handshake_free(&responder[i].h);
	}
}

/* The right one in between costs nothing. */
static void test_right_guess_is_free(void)
{
	prepare("7K3M9QXF", "7K3M9QXF");
	code[1].guesses = 1;
	for (int i = 0; i < 3; i++) {
		start_ends();
		run_ends(10000);
		CHECK_INT(b.h.step, HANDSHAKE_DONE);
		CHECK_INT(code[1].guesses, 1);
		free_ends();
	}
}

/* Whoever goes away before the guess has learnt nothing, and it costs nothing. */
static void test_share_is_no_guess(void)
{
	prepare("00000000", "7K3M9QXF");
	for (int i = 0; i < 10; i++) {
		start_ends();
		take(&b, &a, 10000);
		CHECK_INT(b.h.out_len, 2 + PAKE_SHARE);
		free_ends();
	}
	CHECK_INT(code[1].guesses, 3);
}

/* Every byte before message 1 is confirmed by it: changed on its way, it ends the handshake on both sides. */
static void test_every_byte_counts(void)
{
	size_t first, n;

	prepare("7K3M9QXF", "7K3M9QXF");
	start_ends();
	first = a.h.out_len;
	n = first + 2 + PAKE_SHARE;
	free_ends();
	for (size_t at = 0; at < n; at++) {
		code[1].guesses = 3;
		start_ends();
		if (at < first)
			a.h.out[at] ^= 1;
		take(&b, &a, 10000);
		if (at >= first && b.h.out_len > 0)
			b.h.out[at - first] ^= 1;
		run_ends(10000);
		CHECK(a.h.step != HANDSHAKE_DONE);
		CHECK(b.h.step != HANDSHAKE_DONE);
		free_ends();
	}
}

/*
 * What a listener hears before the guess: shares (test_pake.c shows that any code could have made them) and bytes that
 * do not depend on the code at all. The lengths of everything, to the end, are the same for every code, right or wrong.
 */
static void test_transcript_is_independent_of_the_code(void)
{
	static const char *const codes[] = {"00000000", "7K3M9QXF", "ZZZZZZZZ"};
	static uint8_t sent[2][3][600];
	size_t said[2][3], at = 0;

	for (int i = 0; i < 3; i++) {
		prepare(codes[i], codes[i]);
		start_ends();
		at = a.h.out_len - PAKE_SHARE;
		run_ends(10000);
		CHECK_INT(b.h.step, HANDSHAKE_DONE);
		CHECK(a.said <= sizeof sent[0][0] && b.said <= sizeof sent[0][0]);
		memcpy(sent[0][i], a.sent, a.said);
		memcpy(sent[1][i], b.sent, b.said);
		said[0][i] = a.said;
		said[1][i] = b.said;
		free_ends();
	}
	for (int i = 1; i < 3; i++) {
		/* The sid is random: cut out, as are the shares. */
		CHECK_MEM(sent[0][i], sent[0][0], at - HANDSHAKE_SID);
		CHECK(memcmp(sent[0][i] + at, sent[0][0] + at, PAKE_SHARE) != 0);
		CHECK_MEM(sent[1][i], sent[1][0], 2);
		CHECK_INT(said[0][i], said[0][0]);
		CHECK_INT(said[1][i], said[1][0]);
	}
}

/* ${who} gets a unit that is not what was sent. */
static void check_broken(int who, size_t at, size_t n, const uint8_t *bytes, enum error_code error, const char *text)
{
	struct end *from = who ? &a : &b, *to = who ? &b : &a;

	prepare("7K3M9QXF", "7K3M9QXF");
	start_ends();
	if (who == 0)
		take(&b, &a, 10000);
	memcpy(from->h.out + at, bytes, n);
	take(to, from, 1);
	CHECK_INT(to->h.step, HANDSHAKE_FAILED);
	CHECK_INT(to->h.error.code, error);
	CHECK(strstr(to->h.error.text, text) != NULL);
	CHECK(clean(&to->h));
	CHECK_INT(code[1].guesses, 3);
	free_ends();
}

static void test_malformed(void)
{
	uint8_t none[PAKE_SHARE] = {0}, bad[PAKE_SHARE];
	size_t head;

	prepare("7K3M9QXF", "7K3M9QXF");
	start_ends();
	head = a.h.out_len - PAKE_SHARE;
	free_ends();
	memset(bad, 0xff, sizeof bad);
	check_broken(1, head, PAKE_SHARE, none, ERROR_PROTOCOL, "no valid point");
	check_broken(1, head, PAKE_SHARE, bad, ERROR_PROTOCOL, "no valid point");
	check_broken(1, head - HANDSHAKE_SID - 1, 1, (const uint8_t[]){2}, ERROR_PROTOCOL, "extension that is unknown");
	check_broken(0, 2, PAKE_SHARE, none, ERROR_PROTOCOL, "no valid point");
	check_broken(0, 2, PAKE_SHARE, bad, ERROR_PROTOCOL, "no valid point");
	check_broken(0, 1, 1, (const uint8_t[]){31}, ERROR_PROTOCOL, "wrong length");
}

/* One side has a code and the other has not, or has a psk. */
static void check_lonely(int who, const char *pattern, bool psk, const char *told, const char *why)
{
	struct noise_protocol p;

	prepare("7K3M9QXF", "7K3M9QXF");
	keys.side[who].config.handshake.code = NULL;
	keys.side[who].config.handshake.psk = psk ? keys.psk : NULL;
	CHECK_INT(noise_protocol_from_pattern(&p, pattern, DH_25519, AEAD_CHACHAPOLY, HASH_SHA512), NOISE_OK);
	keys.side[0].config.handshake.protocol = p;
	start_ends();
	run_ends(10000);
	CHECK_INT(a.h.step, HANDSHAKE_FAILED);
	CHECK_INT(b.h.step, HANDSHAKE_FAILED);
	CHECK_INT(a.h.refusal, REFUSE_POLICY);
	CHECK(strstr(a.h.error.text, told) != NULL);
	CHECK(strstr(b.h.error.text, why) != NULL);
	CHECK_INT(code[1].guesses, 3);
	free_ends();
}

static void test_only_one_has_a_code(void)
{
	check_lonely(1, "XXpsk0", false, "vault-listen --code", "no --code");
	check_lonely(1, "XXpsk0", true, "vault-listen --code", "no --code");
	check_lonely(0, "XX", false, "--code", "wants its one-time code");
	check_lonely(0, "XXpsk3", true, "pre-shared", "wants its one-time code");
	check_lonely(0, "XXpsk0", true, "pre-shared", "wants its one-time code");
}

/* With psk3 the responder's message would come before the guess, and could be guessed by. */
static void test_only_psk0(void)
{
	static const char *const all[] = {"XXpsk0", "XXpsk3", "XX", "NNpsk2"};

	for (size_t i = 0; i < 4; i++) {
		prepare("7K3M9QXF", "7K3M9QXF");
		keys.side[1].config.handshake.allowed = all;
		keys.side[1].config.handshake.allowed_count = 4;
		CHECK_INT(noise_protocol_from_pattern(&keys.side[0].config.handshake.protocol, all[i], DH_25519, AEAD_CHACHAPOLY,
			      HASH_SHA512), NOISE_OK);
		start_ends();
		run_ends(10000);
		CHECK_INT(b.h.step, i == 0 ? HANDSHAKE_DONE : HANDSHAKE_FAILED);
		CHECK_INT(a.h.refusal, i == 0 ? REFUSE_NONE : REFUSE_POLICY);
		free_ends();
	}
}

/* Where a code is one way in beside keys, it is nothing to those who come with keys, and still a code. */
static void test_beside_keys(void)
{
	static const char *const all[] = {"XXpsk0", "XX"};

	for (int round = 0; round < 4; round++) {
		prepare("7K3M9QXF", round == 2 ? "2222" : "7K3M9QXF");
		keys.side[1].config.handshake.allowed = all;
		keys.side[1].config.handshake.allowed_count = 2;
		keys.side[1].config.handshake.code_beside = true;
		if (round == 1)
			keys.side[0].config.handshake.code = NULL;
		if (round == 1)
			CHECK_INT(noise_protocol_from_pattern(&keys.side[0].config.handshake.protocol, all[1], DH_25519,
				      AEAD_CHACHAPOLY, HASH_SHA512), NOISE_OK);
		if (round == 3) /* dead, or used up */
			memset(&code[1], 0, sizeof code[1]);
		start_ends();
		run_ends(10000);
		CHECK_INT(b.h.step, round < 2 ? HANDSHAKE_DONE : HANDSHAKE_FAILED);
		CHECK_INT(b.h.coded, round != 1);
		CHECK_INT(a.h.refusal, round < 2 ? REFUSE_NONE : REFUSE_KEYS);
		CHECK_INT(code[1].guesses, round == 3 ? 0 : round == 2 ? 2 : 3);
		free_ends();
	}
}

int main(void)
{
	CHECK_INT(secret_init(), 0);
	RUN(test_same_code);
	RUN(test_wrong_code);
	RUN(test_crowd);
	RUN(test_right_guess_is_free);
	RUN(test_share_is_no_guess);
	RUN(test_every_byte_counts);
	RUN(test_transcript_is_independent_of_the_code);
	RUN(test_malformed);
	RUN(test_only_one_has_a_code);
	RUN(test_only_psk0);
	RUN(test_beside_keys);
	UNIT_DONE();
}
