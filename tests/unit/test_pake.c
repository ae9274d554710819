/*
 * pake: the draft's vectors, the invalid points among them; what ends an exchange; and that what is sent says
 * nothing of the code: any code could have led to it.
 */
#include <jansson.h>
#include <sodium.h>

#include "crypto/pake.h"
#include "unit.h"

#define VECTORS "tests/vectors/cpace-ristretto255.json"

struct bytes {
	uint8_t at[256];
	size_t len;
};

static json_t *vectors;

static struct bytes field(const char *group, const char *name)
{
	const char *text = json_string_value(json_object_get(json_object_get(vectors, group), name));
	struct bytes b = {.len = 0};

	CHECK(text != NULL);
	if (text)
		CHECK_INT(sodium_hex2bin(b.at, sizeof b.at, text, strlen(text), NULL, &b.len, NULL), 0);
	return b;
}

/* A source that gives one scalar (below the group's order, so that reducing it changes nothing). */
static void fixed_fill(void *ctx, uint8_t *buf, size_t n)
{
	memset(buf, 0, n);
	memcpy(buf, ctx, 32);
}

struct vector {
	struct bytes prs, ci, sid, g, y[2], ad[2], share[2];
	struct pake_terms terms;
};

static void load(struct vector *v)
{
	v->prs = field("exchange", "PRS");
	v->ci = field("exchange", "CI");
	v->sid = field("exchange", "sid");
	v->g = field("exchange", "g");
	v->y[0] = field("exchange", "ya");
	v->y[1] = field("exchange", "yb");
	v->ad[0] = field("exchange", "ADa");
	v->ad[1] = field("exchange", "ADb");
	v->share[0] = field("exchange", "Ya");
	v->share[1] = field("exchange", "Yb");
	v->terms = (struct pake_terms){v->prs.at, v->prs.len, v->ci.at, v->ci.len, v->sid.at, v->sid.len};
}

static void start(struct pake *p, struct vector *v, int who, enum pake_order order)
{
	const struct rng rng = {fixed_fill, v->y[who].at};

	CHECK_INT(pake_start(p, who == 0, order, &v->terms, &rng), 0);
}

static int finish(struct pake *p, const struct vector *v, int who, const uint8_t *share, uint8_t isk[PAKE_KEY],
    uint8_t id[PAKE_KEY])
{
	const struct pake_message peer = {share, v->ad[!who].at, v->ad[!who].len};

	return pake_finish(p, &v->terms, v->ad[who].at, v->ad[who].len, &peer, isk, id);
}

static void exchange(enum pake_order order, const char *key, const char *session)
{
	struct bytes isk = field("exchange", key), id = field("exchange", session);
	uint8_t got[PAKE_KEY], name[PAKE_KEY], g[PAKE_SHARE];
	struct vector v;
	struct pake p;

	load(&v);
	CHECK_INT(pake_generator(g, &v.terms), 0);
	CHECK_MEM(g, v.g.at, sizeof g);
	for (int who = 0; who < 2; who++) {
		start(&p, &v, who, order);
		CHECK_MEM(p.share, v.share[who].at, PAKE_SHARE);
		CHECK_INT(finish(&p, &v, who, v.share[!who].at, got, name), 0);
		CHECK_MEM(got, isk.at, PAKE_KEY);
		CHECK_MEM(name, id.at, PAKE_KEY);
		CHECK(sodium_is_zero(p.scalar, sizeof p.scalar));
		pake_free(&p);
	}
}

static void test_vector_by_role(void)
{
	exchange(PAKE_BY_ROLE, "ISK_IR", "sid_output_ir");
}

static void test_vector_by_value(void)
{
	exchange(PAKE_BY_VALUE, "ISK_SY", "sid_output_oc");
}

/* The draft's point that is one: the same product as there; those that are none end the exchange. */
static void test_vector_points(void)
{
	static const char *const bad[] = {"Invalid Y1", "Invalid Y2"};
	json_t *valid = json_object_get(json_object_get(vectors, "points"), "Valid");
	uint8_t s[32], x[32], want[32], got[32], isk[PAKE_KEY];
	struct vector v;
	struct pake p;

	CHECK(sodium_hex2bin(s, 32, json_string_value(json_object_get(valid, "s")), 64, NULL, NULL, NULL) == 0);
	CHECK(sodium_hex2bin(x, 32, json_string_value(json_object_get(valid, "X")), 64, NULL, NULL, NULL) == 0);
	CHECK(sodium_hex2bin(want, 32, json_string_value(json_object_get(valid, "G.scalar_mult_vfy(s,X)")), 64, NULL, NULL,
		  NULL) == 0);
	CHECK_INT(crypto_scalarmult_ristretto255(got, s, x), 0);
	CHECK_MEM(got, want, 32);
	load(&v);
	start(&p, &v, 0, PAKE_BY_ROLE);
	CHECK_INT(finish(&p, &v, 0, x, isk, NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct bytes y = field("points", bad[i]);

		memset(isk, 1, sizeof isk);
		start(&p, &v, 0, PAKE_BY_ROLE);
		CHECK_INT(finish(&p, &v, 0, y.at, isk, NULL), -1);
		CHECK(sodium_is_zero(isk, sizeof isk));
		CHECK(sodium_is_zero(p.scalar, sizeof p.scalar));
	}
}

static void test_one_use(void)
{
	uint8_t isk[PAKE_KEY];
	struct vector v;
	struct pake p = {.started = false};

	load(&v);
	CHECK_INT(finish(&p, &v, 0, v.share[1].at, isk, NULL), -1); /* never started */
	start(&p, &v, 0, PAKE_BY_ROLE);
	CHECK_INT(finish(&p, &v, 0, v.share[1].at, isk, NULL), 0);
	CHECK_INT(finish(&p, &v, 0, v.share[1].at, isk, NULL), -1);
	CHECK(sodium_is_zero(isk, sizeof isk));
}

static void test_bounds(void)
{
	static const uint8_t much[PAKE_INPUT + 1];
	uint8_t isk[PAKE_KEY], g[PAKE_SHARE];
	struct pake_message peer;
	struct vector v;
	struct pake p;

	load(&v);
	for (int i = 0; i < 3; i++) {
		struct pake_terms t = v.terms;

		*(i == 0 ? &t.code_len : i == 1 ? &t.ci_len : &t.sid_len) = sizeof much;
		*(i == 0 ? &t.code : i == 1 ? &t.ci : &t.sid) = much;
		CHECK_INT(pake_generator(g, &t), -1);
		CHECK_INT(pake_start(&p, true, PAKE_BY_ROLE, &t, &secret_rng), -1);
		CHECK(!p.started);
		*(i == 0 ? &t.code_len : i == 1 ? &t.ci_len : &t.sid_len) = PAKE_INPUT;
		CHECK_INT(pake_start(&p, true, PAKE_BY_ROLE, &t, &secret_rng), 0);
	}
	peer = (struct pake_message){v.share[1].at, much, sizeof much};
	start(&p, &v, 0, PAKE_BY_ROLE);
	CHECK_INT(pake_finish(&p, &v.terms, NULL, 0, &peer, isk, NULL), -1);
	peer.ad_len = 0;
	start(&p, &v, 0, PAKE_BY_ROLE);
	CHECK_INT(pake_finish(&p, &v.terms, much, sizeof much, &peer, isk, NULL), -1);
}

/* Everything that both sides must agree on changes the key; nothing else than the same on both sides gives the same. */
static void test_what_is_bound(void)
{
	for (int i = 0; i < 5; i++) {
		uint8_t key[2][PAKE_KEY], ad[2] = {1, 1};
		struct pake p[2];

		for (int who = 0; who < 2; who++) {
			uint8_t code[] = "CODE", ci[] = "CI", sid[] = "SID";
			struct pake_terms t = {code, 4, ci, 2, sid, 3};

			if (who == 1)
				(i == 0 ? code : i == 1 ? ci : i == 2 ? sid : i == 3 ? ad : &(uint8_t){0})[0] ^= 1;
			CHECK_INT(pake_start(&p[who], who == 0, PAKE_BY_ROLE, &t, &secret_rng), 0);
		}
		for (int who = 0; who < 2; who++) {
			const uint8_t sid[] = "SID", *said = i == 3 ? &ad[who] : ad;
			const struct pake_terms t = {.sid = sid, .sid_len = 3};
			const struct pake_message peer = {p[!who].share, said, 1};

			CHECK_INT(pake_finish(&p[who], &t, said, 1, &peer, key[who], NULL), 0);
		}
		CHECK((memcmp(key[0], key[1], PAKE_KEY) == 0) == (i == 4));
	}
}

/* ---- nothing to guess by ---- */

/*
 * A share is y * g. For every code g is a point of prime order (not the neutral one, and q * g is neutral), so y -> y * g
 * meets each point of the group once: with y drawn evenly, the share is spread evenly whatever the code is, and for every
 * recorded share and every code there is a y that explains it.
 */
static void test_every_code_explains_every_share(void)
{
	uint8_t minus_one[32], one[32] = {1}, zero[32] = {0}, g[32], back[32], sum[32];

	crypto_core_ristretto255_scalar_sub(minus_one, zero, one); /* q - 1 */
	for (unsigned i = 0; i < 500; i++) {
		uint8_t code[8];
		struct pake_terms t = {.code = code, .code_len = sizeof code};

		randombytes_buf(code, sizeof code);
		CHECK_INT(pake_generator(g, &t), 0);
		CHECK(!sodium_is_zero(g, sizeof g));
		CHECK(crypto_core_ristretto255_is_valid_point(g));
		CHECK_INT(crypto_scalarmult_ristretto255(back, minus_one, g), 0);
		CHECK_INT(crypto_core_ristretto255_add(sum, back, g), 0);
		CHECK(sodium_is_zero(sum, sizeof sum)); /* (q - 1) g + g */
	}
}

/* And that is what is measured: bit by bit, shares of two codes look the same. (Ten sigma; bits 0 and 255 are always 0.) */
static void test_shares_are_alike(void)
{
	enum { ROUNDS = 2000 };
	static const char *const codes[] = {"00000000", "ZZZZZZZZ"};
	static int ones[2][256];

	for (int c = 0; c < 2; c++)
		for (int i = 0; i < ROUNDS; i++) {
			struct pake_terms t = {.code = (const uint8_t *)codes[c], .code_len = 8};
			struct pake p;

			CHECK_INT(pake_start(&p, true, PAKE_BY_ROLE, &t, &secret_rng), 0);
			for (int b = 0; b < 256; b++)
				ones[c][b] += p.share[b / 8] >> (b % 8) & 1;
		}
	for (int b = 0; b < 256; b++) {
		int d = ones[0][b] - ones[1][b];

		CHECK(d * d <= 100 * ROUNDS / 2);
		if (b > 0 && b < 255)
			CHECK(ones[0][b] > ROUNDS / 2 - 300 && ones[0][b] < ROUNDS / 2 + 300);
	}
}

int main(void)
{
	CHECK_INT(secret_init(), 0);
	vectors = json_load_file(VECTORS, JSON_REJECT_DUPLICATES, NULL);
	if (!vectors) {
		fprintf(stderr, "%s cannot be read\n", VECTORS);
		return 1;
	}
	RUN(test_vector_by_role);
	RUN(test_vector_by_value);
	RUN(test_vector_points);
	RUN(test_one_use);
	RUN(test_bounds);
	RUN(test_what_is_bound);
	RUN(test_every_code_explains_every_share);
	RUN(test_shares_are_alike);
	json_decref(vectors);
	UNIT_DONE();
}
