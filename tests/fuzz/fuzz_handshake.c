/*
 * Fuzz: the handshake, both roles.
 *
 *   byte 0   bit 0: who is attacked (0 the responder); bit 1: raw bytes, or changes to a real
 *            handshake; bits 2..: step size
 *   byte 1   protocol
 *   rest     raw: what the attacked side is fed with.
 *            changes: triples (position high, low, xor) for all bytes toward the attacked side
 *
 * Randomness is fixed, so an input always does the same.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define MUST(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

static const char *const names[] = {
    "Noise_XX_25519_ChaChaPoly_BLAKE2b",
    "Noise_IK_25519_ChaChaPoly_SHA256",
    "Noise_NN_25519_ChaChaPoly_SHA512",
    "Noise_XXpsk3_25519_ChaChaPoly_BLAKE2b",
    "Noise_KK_25519_ChaChaPoly_BLAKE2b",
    "Noise_X1X1_25519_ChaChaPoly_BLAKE2b",
    "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b",
    "Noise_NNpsk0+psk2_25519_ChaChaPoly_BLAKE2b",
    "Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b", /* with a one-time code */
};
#define CODE_NAME (NAMES - 1)
#define NAMES (sizeof(names) / sizeof(names[0]))

static uint8_t secret[2][32], public[2][32], psk[32] = {7};

static void fill(void *ctx, uint8_t *buf, size_t n)
{
	uint8_t *counter = ctx;

	memset(buf, ++*counter, n);
}

struct end {
	struct handshake h;
	struct rng rng;
	uint8_t counter, in[65536];
	size_t head, tail;
	struct handshake_code code;
};

static struct end ends[2];

static int begin(struct end *e, bool initiator, const char *name)
{
	bool with_code = name == names[CODE_NAME];
	struct handshake_config config = {
	    .initiator = initiator,
	    .allowed = names,
	    .allowed_count = NAMES,
	    .static_secret = secret[initiator],
	    .remote_static = public[!initiator],
	    .psk = strstr(name, "psk") && !with_code ? psk : NULL,
	    .code = with_code ? &e->code : NULL,
	};

	memset(e, 0, sizeof(*e));
	e->code = (struct handshake_code){.bytes = "7K3M9QXF", .len = 8, .guesses = 3};
	e->counter = initiator ? 0 : 100;
	e->rng = (struct rng){fill, &e->counter};
	config.rng = &e->rng;
	if (noise_protocol_parse(&config.protocol, name, strlen(name)) != NOISE_OK)
		return -1;
	return handshake_start(&e->h, &config);
}

static void check(const struct end *e)
{
	static const struct noise_handshake none;

	MUST(e->h.out_len <= sizeof(e->h.out));
	MUST(e->head <= e->tail);
	MUST(e->code.guesses <= 3);
	MUST((e->h.step == HANDSHAKE_FAILED) == (e->h.error.code != ERROR_OK));
	if (e->h.step == HANDSHAKE_FAILED)
		MUST(memcmp(&e->h.noise, &none, sizeof(none)) == 0);
	else
		MUST(e->h.refusal == REFUSE_NONE);
}

/* Up to ${step} more of the bytes in e->in[.. all] become readable, until all are or it ends. */
static void feed(struct end *e, size_t all, size_t step)
{
	while (e->tail < all && e->h.step != HANDSHAKE_FAILED && e->h.step != HANDSHAKE_DONE) {
		size_t used;

		e->tail = all - e->tail < step ? all : e->tail + step;
		used = handshake_feed(&e->h, e->in + e->head, e->tail - e->head);
		e->head += used;
		check(e);
		/* What is left over must be the beginning of one unit, which has a bound. */
		if (e->h.step == HANDSHAKE_MORE)
			MUST(e->tail - e->head < HANDSHAKE_MAXOUT);
		if (e->h.step == HANDSHAKE_JUDGE) {
			handshake_judged(&e->h);
			check(e);
		}
	}
}

static void raw(struct end *e, const uint8_t *data, size_t n, size_t step)
{
	if (n > sizeof(e->in))
		n = sizeof(e->in);
	memcpy(e->in, data, n);
	for (size_t at = 0; at < n; at += 4096) {
		feed(e, n - at < 4096 ? n : at + 4096, step);
		e->h.out_len = 0; /* the caller sends what waits */
	}
}

/* The bytes of ${from} arrive at ${to} with changes; true if any was made. */
static bool pass(struct end *to, struct end *from, const uint8_t *changes, size_t n, size_t step)
{
	size_t start = to->tail, all = start + from->h.out_len;
	bool changed = false;

	MUST(all <= sizeof(to->in));
	memcpy(to->in + start, from->h.out, from->h.out_len);
	from->h.out_len = 0;
	for (size_t i = 0; i + 3 <= n; i += 3) {
		size_t at = (size_t)changes[i] << 8 | changes[i + 1];

		if (at >= start && at < all && changes[i + 2] != 0)
			to->in[at] ^= changes[i + 2];
	}
	/* (Two changes of one byte may undo each other: compare, do not count.) */
	for (size_t at = start; at < all; at++) {
		uint8_t diff = 0;

		for (size_t i = 0; i + 3 <= n; i += 3)
			if (((size_t)changes[i] << 8 | changes[i + 1]) == at)
				diff ^= changes[i + 2];
		changed |= diff != 0;
	}
	feed(to, all, step);
	return changed;
}

static void changed(int attacked, const uint8_t *changes, size_t n, size_t step)
{
	bool touched = false;
	struct end *victim = &ends[attacked], *other = &ends[!attacked];

	for (int i = 0; i < 6; i++) {
		touched |= pass(victim, other, changes, n, step);
		(void)pass(other, victim, NULL, 0, 65536);
	}
	if (!touched) {
		MUST(victim->h.step == HANDSHAKE_DONE && other->h.step == HANDSHAKE_DONE);
		MUST(memcmp(noise_hash(&victim->h.noise), noise_hash(&other->h.noise), 32) == 0);
	} else if (victim->h.step == HANDSHAKE_DONE && other->h.step == HANDSHAKE_DONE) {
		/* Bytes behind the end excepted, a change makes the two hashes differ. */
		MUST(victim->tail > victim->head ||
		    memcmp(noise_hash(&victim->h.noise), noise_hash(&other->h.noise), 32) != 0);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	MUST(secret_init() == 0);
	for (int i = 0; i < 2; i++) {
		memset(secret[i], 0x40 + i, 32);
		MUST(dh_public(DH_25519, public[i], secret[i]) == 0);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *name;
	size_t step;
	int attacked;

	if (size < 2 || size > sizeof(ends[0].in) / 2)
		return 0;
	attacked = data[0] & 1;
	step = (size_t)1 + (data[0] >> 2) * (size_t)(data[0] >> 2);
	name = names[data[1] % NAMES];
	MUST(begin(&ends[0], false, name) == 0 && begin(&ends[1], true, name) == 0);
	ends[attacked].h.out_len = data[0] & 2 ? ends[attacked].h.out_len : 0;
	if (data[0] & 2)
		changed(attacked, data + 2, size - 2, step);
	else
		raw(&ends[attacked], data + 2, size - 2, step);
	handshake_free(&ends[0].h);
	handshake_free(&ends[1].h);
	return 0;
}
