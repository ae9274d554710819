/* noise_protocol: names good and bad, and what a name tells. */
#include "unit.h"

#include "crypto/noise.h"
#include "crypto/noise_patterns.h"

static int parse(const char *name)
{
	static struct noise_protocol p;
	int r = noise_protocol_parse(&p, name, strlen(name));

	if (r == NOISE_E_NAME)
		CHECK(p.pattern == NULL && p.name[0] == '\0' && !p.dh && !p.cipher && !p.hash);
	else
		CHECK_STR(p.name, name);
	return r;
}

static void test_fields(void)
{
	struct noise_protocol p;
	static const char name[] = "Noise_XXpsk0+psk3_25519_AESGCM_SHA512 and more";

	CHECK_INT(noise_protocol_parse(&p, name, strcspn(name, " ")),
	    aead_available(AEAD_AESGCM) ? NOISE_OK : NOISE_E_UNBUILT);
	CHECK_STR(p.name, "Noise_XXpsk0+psk3_25519_AESGCM_SHA512");
	CHECK_STR(p.pattern->name, "XX");
	CHECK_INT(p.psks, 1 << 0 | 1 << 3);
	CHECK_INT(p.dh, DH_25519);
	CHECK_INT(p.cipher, AEAD_AESGCM);
	CHECK_INT(p.hash, HASH_SHA512);
	CHECK_INT(noise_protocol_psk_count(&p), 2);
}

static void test_unbuilt_is_told_apart(void)
{
	const int r = WITH_LIBCRYPTO ? NOISE_OK : NOISE_E_UNBUILT;

	CHECK_INT(parse("Noise_NN_448_ChaChaPoly_SHA256"), r);
	CHECK_INT(parse("Noise_NN_25519_ChaChaPoly_BLAKE2s"), r);
	CHECK_INT(parse("Noise_NN_25519_ChaChaPoly_SHA256"), NOISE_OK);
	CHECK_INT(parse("Noise_NN_25519_ChaChaPoly_SHA512"), NOISE_OK);
	CHECK_INT(parse("Noise_NN_25519_ChaChaPoly_BLAKE2b"), NOISE_OK);
}

static const char *const bad[] = {
    "",
    "N",
    "Noise",
    "Noise_XX",
    "Noise_XX_25519_ChaChaPoly",
    "Noise_XX_25519_ChaChaPoly_",
    "Noise_XX_25519_ChaChaPoly_SHA256_",
    "Noise_XX_25519_ChaChaPoly_SHA256_x",
    "_XX_25519_ChaChaPoly_SHA256",
    "XX_25519_ChaChaPoly_SHA256",
    "noise_XX_25519_ChaChaPoly_SHA256",
    "Noise2_XX_25519_ChaChaPoly_SHA256",
    "NoisePSK_XX_25519_ChaChaPoly_SHA256",
    " Noise_XX_25519_ChaChaPoly_SHA256",
    "Noise_XX_25519_ChaChaPoly_SHA256 ",
    "Noise_XX_25519_ChaChaPoly_SHA256\n",
    /* algorithms */
    "Noise_XX_25518_ChaChaPoly_SHA256",
    "Noise_XX_2551_ChaChaPoly_SHA256",
    "Noise_XX_025519_ChaChaPoly_SHA256",
    "Noise_XX_P256_ChaChaPoly_SHA256",
    "Noise_XX_25519+448_ChaChaPoly_SHA256",
    "Noise_XX__ChaChaPoly_SHA256",
    "Noise_XX_25519_chachapoly_SHA256",
    "Noise_XX_25519_XChaChaPoly_SHA256",
    "Noise_XX_25519__SHA256",
    "Noise_XX_25519_ChaChaPoly_SHA-256",
    "Noise_XX_25519_ChaChaPoly_BLAKE2",
    "Noise_XX_25519_ChaChaPoly_BLAKE2S",
    "Noise_XX_25519_SHA256_ChaChaPoly",
    /* patterns */
    "Noise__25519_ChaChaPoly_SHA256",
    "Noise_xx_25519_ChaChaPoly_SHA256",
    "Noise_XY_25519_ChaChaPoly_SHA256",
    "Noise_I_25519_ChaChaPoly_SHA256",
    "Noise_XXX_25519_ChaChaPoly_SHA256",
    "Noise_X1_25519_ChaChaPoly_SHA256",
    "Noise_N1_25519_ChaChaPoly_SHA256",
    "Noise_N1N_25519_ChaChaPoly_SHA256",
    "Noise_NN1_25519_ChaChaPoly_SHA256",
    "Noise_KN1_25519_ChaChaPoly_SHA256",
    "Noise_XX2_25519_ChaChaPoly_SHA256",
    "Noise_X1X1X_25519_ChaChaPoly_SHA256",
    "Noise_1XX_25519_ChaChaPoly_SHA256",
    /* modifiers: unknown */
    "Noise_XXfallback_25519_ChaChaPoly_SHA256",
    "Noise_XXhfs_25519_ChaChaPoly_SHA256",
    "Noise_XXnoidh_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk_25519_ChaChaPoly_SHA256",
    "Noise_XXPSK3_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk3x_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk+_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk-1_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk03_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk3 _25519_ChaChaPoly_SHA256",
    /* not joined by '+', or by too many */
    "Noise_XXpsk0psk3_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk0,psk3_25519_ChaChaPoly_SHA256",
    "Noise_XX+psk0_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk0+_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk0++psk3_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk0+3_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk0+XX_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk0+fallback_25519_ChaChaPoly_SHA256",
    /* order, twice, no such message */
    "Noise_XXpsk3+psk0_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk3+psk3_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk0+psk2+psk1_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk0+psk0_25519_ChaChaPoly_SHA256",
    "Noise_Npsk2_25519_ChaChaPoly_SHA256",
    "Noise_NNpsk3_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk4_25519_ChaChaPoly_SHA256",
    "Noise_XXpsk0+psk4_25519_ChaChaPoly_SHA256",
    "Noise_X1X1psk5_25519_ChaChaPoly_SHA256",
    "Noise_X1X1psk9_25519_ChaChaPoly_SHA256",
};

static void test_bad_names(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i]) != NOISE_E_NAME)
			fprintf(stderr, "accepted: '%s'\n", bad[i]);
		CHECK_INT(parse(bad[i]), NOISE_E_NAME);
	}
}

/* Characters beyond the given length, NULs within it, and names longer than section 8 allows. */
static void test_lengths_of_names(void)
{
	static const char name[] = "Noise_XX_25519_ChaChaPoly_SHA256";
	struct noise_protocol p;
	char text[300];

	for (size_t n = 0; n < sizeof(name) - 1; n++)
		CHECK_INT(noise_protocol_parse(&p, name, n), NOISE_E_NAME);
	CHECK_INT(noise_protocol_parse(&p, name, sizeof(name) - 1), NOISE_OK);
	CHECK_INT(noise_protocol_parse(&p, name, sizeof(name)), NOISE_E_NAME);
	for (size_t i = 0; i < sizeof(name) - 1; i++) {
		memcpy(text, name, sizeof(name));
		text[i] = '\0';
		CHECK_INT(noise_protocol_parse(&p, text, sizeof(name) - 1), NOISE_E_NAME);
	}
	memset(text, 'X', sizeof(text));
	memcpy(text, "Noise_", 6);
	CHECK_INT(noise_protocol_parse(&p, text, 255), NOISE_E_NAME);
	CHECK_INT(noise_protocol_parse(&p, text, 300), NOISE_E_NAME);
}

static void test_from_pattern(void)
{
	struct noise_protocol p;
	char longer[400], out[16];

	CHECK_INT(
	    noise_protocol_from_pattern(&p, "IKpsk2", DH_25519, AEAD_CHACHAPOLY, HASH_BLAKE2B), 0);
	CHECK_STR(p.name, "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b");
	CHECK_INT(noise_protocol_from_pattern(&p, "IK_", DH_25519, AEAD_CHACHAPOLY, HASH_SHA256),
	    NOISE_E_NAME);
	CHECK_INT(noise_protocol_from_pattern(&p, "", DH_25519, AEAD_CHACHAPOLY, HASH_SHA256),
	    NOISE_E_NAME);
	CHECK_INT(noise_protocol_from_pattern(
		      &p, "NN_25519_ChaChaPoly_SHA256", DH_25519, AEAD_CHACHAPOLY, HASH_SHA256),
	    NOISE_E_NAME);
	CHECK_INT(noise_protocol_from_pattern(&p, "IK", DH_NONE, AEAD_CHACHAPOLY, HASH_SHA256),
	    NOISE_E_NAME);
	CHECK_INT(
	    noise_protocol_from_pattern(&p, "IK", DH_25519, AEAD_NONE, HASH_SHA256), NOISE_E_NAME);
	CHECK_INT(noise_protocol_from_pattern(&p, "IK", DH_25519, AEAD_CHACHAPOLY, HASH_NONE),
	    NOISE_E_NAME);
	memset(longer, 'X', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_INT(noise_protocol_from_pattern(&p, longer, DH_25519, AEAD_CHACHAPOLY, HASH_SHA256),
	    NOISE_E_NAME);
	CHECK(p.pattern == NULL);
	noise_protocol_pattern(&p, out, sizeof(out));
	CHECK_STR(out, "");
}

/* Every pattern, bare and with every set of psks: back and forth through its name. */
static void check_pattern(const struct noise_pattern *pattern, unsigned psks)
{
	struct noise_protocol p;
	char text[64], out[64], small[3];
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", pattern->name);
	const char *join = "";

	for (unsigned i = 0; i < 10; i++) {
		if (psks >> i & 1) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%spsk%u", join, i);
			join = "+";
		}
	}
	CHECK_INT(noise_protocol_from_pattern(&p, text, DH_25519, AEAD_CHACHAPOLY, HASH_SHA256), 0);
	CHECK(p.pattern == pattern);
	CHECK_INT(p.psks, psks);
	noise_protocol_pattern(&p, out, sizeof(out));
	CHECK_STR(out, text);
	noise_protocol_pattern(&p, small, sizeof(small));
	CHECK_INT(strlen(small), strlen(text) < 2 ? 1 : 2);
}

static void test_all_patterns(void)
{
	const struct noise_pattern *pattern;
	size_t i, one_way = 0;

	for (i = 0; (pattern = noise_pattern_at(i)); i++) {
		const unsigned messages = noise_pattern_messages(pattern);

		CHECK(messages >= 1 && messages <= 4);
		one_way += messages == 1;
		for (unsigned psks = 0; psks < 1U << (messages + 1); psks++)
			check_pattern(pattern, psks);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(noise_pattern_at(j)->name, pattern->name) != 0);
	}
	CHECK_INT(one_way, 3);
	CHECK_INT(i, 3 + 12 + 23);
}

/* A letter of a pattern's name says what becomes of that side's static key: N none, K known
 * before, X and I sent. */
static void test_what_patterns_need(void)
{
	const struct noise_pattern *pattern;

	for (size_t i = 0; (pattern = noise_pattern_at(i)); i++) {
		const int one_way = noise_pattern_messages(pattern) == 1;
		const char first = pattern->name[0];
		const char *rest = pattern->name + (pattern->name[1] == '1' ? 2 : 1);
		const char second = one_way ? 'K' : *rest;
		struct noise_protocol p;

		CHECK_INT(noise_protocol_from_pattern(
			      &p, pattern->name, DH_25519, AEAD_CHACHAPOLY, HASH_SHA256),
		    0);
		CHECK_INT(noise_protocol_one_way(&p), one_way);
		CHECK_INT(noise_protocol_needs_static(&p, true), first != 'N');
		CHECK_INT(noise_protocol_needs_static(&p, false), second != 'N');
		CHECK_INT(noise_protocol_needs_remote(&p, true), second == 'K');
		CHECK_INT(noise_protocol_needs_remote(&p, false), first == 'K');
		CHECK_INT(noise_protocol_peer_has_static(&p, true), second != 'N');
		CHECK_INT(noise_protocol_peer_has_static(&p, false), first != 'N');
		CHECK_INT(noise_protocol_psk_count(&p), 0);
	}
}

/* Whoever says the last word of the handshake has proven itself by it (deferred patterns excepted). */
static void test_who_is_proven(void)
{
	static const char *const initiators_are[] = {"XN", "XK", "XX", "NX1", "XK1", "XX1", "K1N", "K1K", "K1K1", "K1X", "KX1",
	    "K1X1", "I1N", "I1K", "I1K1", "I1X", "IX1", "I1X1"};
	static const char *const responders_are_not[] = {"NX1", "XX1", "KX1", "K1X1", "IX1", "I1X1"};
	const struct noise_pattern *pattern;
	size_t initiators = 0, responders = 0;

	for (size_t i = 0; (pattern = noise_pattern_at(i)); i++) {
		bool initiator_is = false, responder_is = noise_pattern_messages(pattern) > 1;
		struct noise_protocol p;

		CHECK_INT(noise_protocol_from_pattern(&p, pattern->name, DH_25519, AEAD_CHACHAPOLY, HASH_SHA256), NOISE_OK);
		for (size_t k = 0; k < sizeof(initiators_are) / sizeof(initiators_are[0]); k++)
			initiator_is |= strcmp(initiators_are[k], pattern->name) == 0;
		for (size_t k = 0; k < sizeof(responders_are_not) / sizeof(responders_are_not[0]); k++)
			responder_is &= strcmp(responders_are_not[k], pattern->name) != 0;
		CHECK_INT(noise_protocol_proves_peer(&p, false), initiator_is);
		CHECK_INT(noise_protocol_proves_peer(&p, true), responder_is);
		initiators += initiator_is;
		responders += responder_is;
	}
	CHECK_INT(initiators, 18);
	CHECK_INT(responders, 38 - 3 - 6);
}

static size_t message_len(const char *name, unsigned index)
{
	struct noise_protocol p;
	int r = noise_protocol_parse(&p, name, strlen(name));

	CHECK(r == NOISE_OK || r == NOISE_E_UNBUILT);
	return noise_protocol_message_len(&p, index);
}

/* By hand from section 5.3; test_noise.c compares all patterns with what is really sent. */
static void test_message_lengths(void)
{
	CHECK_INT(message_len("Noise_XX_25519_ChaChaPoly_SHA256", 0), 32);
	CHECK_INT(message_len("Noise_XX_25519_ChaChaPoly_SHA256", 1), 32 + 32 + 16 + 16);
	CHECK_INT(message_len("Noise_XX_25519_ChaChaPoly_SHA256", 2), 32 + 16 + 16);
	CHECK_INT(message_len("Noise_XX_25519_ChaChaPoly_SHA256", 3), 0);
	CHECK_INT(message_len("Noise_XXpsk3_25519_ChaChaPoly_SHA256", 0), 32 + 16);
	CHECK_INT(message_len("Noise_XX_448_ChaChaPoly_SHA256", 1), 56 + 56 + 16 + 16);
	CHECK_INT(message_len("Noise_IK_25519_ChaChaPoly_SHA256", 0), 32 + 32 + 16 + 16);
	CHECK_INT(message_len("Noise_IX_25519_ChaChaPoly_SHA256", 0), 32 + 32);
	CHECK_INT(message_len("Noise_IXpsk0_25519_ChaChaPoly_SHA256", 0), 32 + 32 + 16 + 16);
}

/* A session keeps the name, and there may be very many sessions. */
static void test_longest_name(void)
{
	static const char name[] = "Noise_X1X1psk0+psk1+psk2+psk3_25519_ChaChaPoly_BLAKE2b";
	static const char longer[] = "Noise_XXfallback+psk0+psk1+psk2+psk3_25519_ChaChaPoly_BLAKE2b";

	CHECK_INT(parse(name), NOISE_OK);
	CHECK(sizeof longer - 1 < NOISE_MAXNAME);
}

static void test_strerror(void)
{
	for (int e = NOISE_E_LIBRARY; e <= NOISE_OK; e++)
		CHECK(strcmp(noise_strerror(e), noise_strerror(1)) != 0);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_fields);
	RUN(test_unbuilt_is_told_apart);
	RUN(test_bad_names);
	RUN(test_lengths_of_names);
	RUN(test_from_pattern);
	RUN(test_all_patterns);
	RUN(test_what_patterns_need);
	RUN(test_who_is_proven);
	RUN(test_message_lengths);
	RUN(test_longest_name);
	RUN(test_strerror);
	UNIT_DONE();
}
