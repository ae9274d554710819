/*
 * handshake: the hello and the Noise messages, in pieces of any size; every refusal in both its
 * forms; wrong keys; nothing secret stays behind.
 */
#include "pair.h"

/* One side fed with what the other wrote, ${step} bytes at a time. */
struct end {
	struct handshake h;
	uint8_t in[16384];
	size_t head, tail;
};

static void take(struct end *to, struct end *from, size_t step)
{
	size_t n = from->h.out_len, done = 0;

	while (done < n) {
		size_t k = n - done < step ? n - done : step, used;

		memcpy(to->in + to->tail, from->h.out + done, k);
		to->tail += k;
		done += k;
		used = handshake_feed(&to->h, to->in + to->head, to->tail - to->head);
		CHECK(used <= to->tail - to->head);
		to->head += used;
		if (to->h.step == HANDSHAKE_JUDGE)
			handshake_judged(&to->h);
	}
	from->h.out_len = 0;
}

static void raw(struct end *to, const void *bytes, size_t n)
{
	memcpy(to->in + to->tail, bytes, n);
	to->tail += n;
	to->head += handshake_feed(&to->h, to->in + to->head, to->tail - to->head);
}

static struct pair keys;
static struct end a, b;

/* Both ends ready for ${protocol}; a test may change keys.side[].config.handshake before. */
static void start_ends(void)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	CHECK_INT(handshake_start(&a.h, &keys.side[0].config.handshake), 0);
	CHECK_INT(handshake_start(&b.h, &keys.side[1].config.handshake), 0);
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
	CHECK(sodium_is_zero((const uint8_t *)&a.h, sizeof(a.h)));
	CHECK(sodium_is_zero((const uint8_t *)&b.h, sizeof(b.h)));
}

static void test_all_steps(void)
{
	static const char *const some[] = {"XX", "IK", "NN", "X1X1", "KK", "XXpsk3", "NNpsk0+psk2", "I1X1", "NK1"};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		for (size_t step = 1; step < 200; step = step * 2 + 1) {
			pair_init(&keys, some[i]);
			start_ends();
			run_ends(step);
			CHECK_INT(a.h.step, HANDSHAKE_DONE);
			CHECK_INT(b.h.step, HANDSHAKE_DONE);
			CHECK_MEM(noise_hash(&a.h.noise), noise_hash(&b.h.noise), 64);
			CHECK_INT(a.head, a.tail);
			CHECK_INT(b.head, b.tail);
			free_ends();
		}
	}
}

/* What stands behind the last message belongs to somebody else. */
static void test_stops_at_the_end(void)
{
	pair_init(&keys, "NN");
	start_ends();
	memcpy(a.h.out + a.h.out_len, "records", 7);
	a.h.out_len += 7;
	take(&b, &a, 10000);
	CHECK_INT(b.h.step, HANDSHAKE_DONE);
	CHECK_INT(b.tail - b.head, 7);
	CHECK_INT(handshake_feed(&b.h, b.in + b.head, 7), 0);
	free_ends();
}

static void check_failed(struct end *e, enum error_code code, const char *text)
{
	uint8_t more[] = "VLT1";

	CHECK_INT(e->h.step, HANDSHAKE_FAILED);
	CHECK_INT(e->h.error.code, code);
	CHECK(strstr(e->h.error.text, text) != NULL);
	CHECK(sodium_is_zero((const uint8_t *)&e->h.noise, sizeof(e->h.noise)));
	CHECK_INT(handshake_feed(&e->h, more, 4), 0);
}

/* The responder refuses ${hello}, says ${code} (0: nothing) in two-byte form, and why. */
static void check_hello(const char *hello, size_t n, enum error_code error, const char *text,
    uint8_t code)
{
	for (size_t step = 1; step <= n; step += n - 1 + (n == 1)) {
		pair_init(&keys, "XX");
		start_ends();
		for (size_t at = 0; at < n && b.h.step == HANDSHAKE_MORE; at += step)
			raw(&b, hello + at, n - at < step ? n - at : step);
		check_failed(&b, error, text);
		CHECK_INT(b.h.out_len, code ? 3 : 0);
		CHECK_INT(b.h.refusal, code);
		if (code)
			CHECK_MEM(b.h.out, ((const uint8_t[]){0, 0, code}), 3);
		free_ends();
	}
}

static void check_name(const char *name, const char *tail, size_t n, enum error_code error,
    const char *text, uint8_t code)
{
	char hello[512];
	size_t len = strlen(name);

	memcpy(hello, "VLT1", 4);
	hello[4] = (char)len;
	memcpy(hello + 5, name, len);
	memcpy(hello + 5 + len, tail, n);
	check_hello(hello, 5 + len + n, error, text, code);
}

static void test_wrong_hellos(void)
{
	static const char *const xx = "Noise_XX_25519_ChaChaPoly_SHA512";
	char long_name[256] = {0};

	memset(long_name, 'N', 255);
	check_hello("GET / HTTP/1.1", 14, ERROR_PROTOCOL, "does not speak vault/1", 0);
	check_hello("VLT2\1", 5, ERROR_PROTOCOL, "does not speak vault/1", 0);
	check_name("", "", 0, ERROR_AUTH, "unknown Noise protocol", REFUSE_UNKNOWN);
	check_name("Noise", "", 0, ERROR_AUTH, "unknown Noise protocol", REFUSE_UNKNOWN);
	check_name(long_name, "", 0, ERROR_AUTH, "unknown Noise protocol", REFUSE_UNKNOWN);
	check_name("Noise_N_25519_ChaChaPoly_SHA256", "", 0, ERROR_AUTH, "unknown", REFUSE_UNKNOWN);
	check_name("Noise_XX_25519_ChaChaPoly_SHA256", "", 0, ERROR_AUTH, "not allowed here", REFUSE_POLICY);
	check_name(xx, "\0\0", 2, ERROR_PROTOCOL, "wrong length", 0);
	check_name(xx, "\x10\1", 2, ERROR_PROTOCOL, "wrong length", 0);
	check_name(xx, "\0\4abcd", 6, ERROR_PROTOCOL, "handshake message", 0);
}

static void test_allowed(void)
{
	static const struct {
		const char *speaks, *allows;
		bool good;
	} some[] = {
	    {"XX", "XX", true},
	    {"Noise_XX_25519_AESGCM_SHA256", "XX", true},
	    {"XXpsk3", "XX", false},
	    {"XX", "XXpsk3", false},
	    {"XX", "Noise_XX_25519_ChaChaPoly_SHA256", false},
	    {"Noise_XX_25519_ChaChaPoly_SHA256", "Noise_XX_25519_ChaChaPoly_SHA256", true},
#if WITH_LIBCRYPTO
	    {"Noise_XX_448_ChaChaPoly_SHA512", "XX", false},
	    {"Noise_XX_448_ChaChaPoly_SHA512", "Noise_XX_448_ChaChaPoly_SHA512", true},
#endif
	};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		if (strstr(some[i].speaks, "AESGCM") && !aead_available(AEAD_AESGCM))
			continue;
		pair_init(&keys, some[i].speaks);
		keys.allowed[0] = "KK";
		keys.allowed[1] = some[i].allows;
		keys.side[1].config.handshake.allowed_count = 2;
		start_ends();
		run_ends(7);
		CHECK_INT(a.h.step, some[i].good ? HANDSHAKE_DONE : HANDSHAKE_FAILED);
		if (!some[i].good) {
			check_failed(&a, ERROR_AUTH, "does not allow Noise_XX");
			CHECK_INT(a.h.refusal, REFUSE_POLICY);
		}
		free_ends();
	}
}

/* Both know which key is wrong or missing, whoever reads it first. */
static void test_wrong_keys(void)
{
	uint8_t other[32] = {1}, third[32];

	CHECK_INT(dh_keypair(DH_25519, &pair_rng, other, third), 0);
	for (int round = 0; round < 7; round++) {
		static const char *const patterns[] = {"XXpsk3", "IKpsk2", "NNpsk0", "IK", "XXpsk0", "XXpsk3", "KK"};
		bool frame_form = round == 0;

		pair_init(&keys, patterns[round]);
		if (round == 3)
			keys.side[0].config.handshake.remote_static = third;
		else if (round == 5)
			keys.side[1].config.handshake.psk = NULL;
		else if (round == 6)
			keys.side[1].config.handshake.remote_static = NULL;
		else
			keys.side[1].config.handshake.psk = other;
		start_ends();
		take(&b, &a, 50);
		if (round == 1) { /* the initiator reads the psk first, and says nothing */
			take(&a, &b, 50);
			check_failed(&a, ERROR_AUTH, "different pre-shared keys");
			CHECK_INT(a.h.out_len, 0);
			free_ends();
			continue;
		}
		if (frame_form) {
			take(&a, &b, 50);
			take(&b, &a, 50);
		}
		check_failed(&b, ERROR_AUTH,
		    round == 3 ? "expects another key" : round < 5 ? "different pre-shared" : "not allowed");
		CHECK_INT(b.h.refusal, round < 5 ? REFUSE_KEYS : REFUSE_POLICY);
		CHECK_INT(b.h.out_len, frame_form ? 5 : 3);
		CHECK_INT(b.h.out[b.h.out_len - 1], b.h.refusal);
		if (!frame_form) {
			take(&a, &b, 1);
			check_failed(&a, ERROR_AUTH,
			    round == 3 ? "does not have the key" : round < 5 ? "different pre-shared" : "not allow");
		}
		free_ends();
	}
	/* The initiator without a key it needs does not even begin. */
	pair_init(&keys, "XXpsk3");
	keys.side[0].config.handshake.psk = NULL;
	CHECK_INT(handshake_start(&a.h, &keys.side[0].config.handshake), -1);
	CHECK_INT(a.h.error.code, ERROR_USAGE);
	pair_init(&keys, "IK");
	keys.side[0].config.handshake.remote_static = NULL;
	CHECK_INT(handshake_start(&a.h, &keys.side[0].config.handshake), -1);
	CHECK_INT(a.h.error.code, ERROR_USAGE);
}

/* Each refusal code as the initiator hears it; cut in the middle it is not one yet. */
static void test_told(void)
{
	static const enum error_code codes[] = {
	    ERROR_NETWORK, ERROR_AUTH, ERROR_AUTH, ERROR_NETWORK, ERROR_AUTH, ERROR_NETWORK};

	for (uint8_t code = 0; code < 6; code++) {
		uint8_t unit[3] = {0, 0, code};

		pair_init(&keys, "XX");
		start_ends();
		raw(&a, unit, 2);
		CHECK_INT(a.h.step, HANDSHAKE_MORE);
		raw(&a, unit + 2, 1);
		check_failed(&a, codes[code], "the peer");
		CHECK_INT(a.h.error.blame, BLAME_PEER);
		free_ends();
	}
	/* To a responder length 0 is nonsense. */
	pair_init(&keys, "XX");
	start_ends();
	take(&b, &a, 100);
	raw(&b, "\0\0\1", 3);
	check_failed(&b, ERROR_PROTOCOL, "wrong length");
	free_ends();
	pair_init(&keys, "XX");
	start_ends();
	raw(&a, "\x10\1", 2);
	check_failed(&a, ERROR_PROTOCOL, "wrong length");
	free_ends();
}

/* Payloads would be readable or replayable, so vault/1 has none: neither in clear nor sealed. */
static void test_payload(void)
{
	struct noise_handshake hs = {0};
	struct noise_keys nk = {.prologue_len = 5 + 32, .static_secret = keys.side[1].secret};
	uint8_t msg[HANDSHAKE_MAXMSG], none[1];
	size_t hello, n;

	pair_init(&keys, "XX");
	start_ends();
	hello = a.h.out_len;
	memcpy(msg, a.h.out, hello);
	nk.prologue = a.h.out;
	CHECK_INT(noise_start(&hs, &a.h.protocol, false, &nk, &pair_rng), NOISE_OK);
	CHECK_INT(noise_read(&hs, msg + hello - 32, 32, none, 0, &n), NOISE_OK);
	be_put16(msg + hello - 34, 32 + 7);
	memcpy(msg + hello, "payload", 7);
	raw(&b, msg, hello + 7);
	check_failed(&b, ERROR_PROTOCOL, "has a payload");

	CHECK_INT(noise_write(&hs, (const uint8_t *)"x", 1, msg + 2, sizeof(msg) - 2, &n), NOISE_OK);
	be_put16(msg, (uint16_t)n);
	raw(&a, msg, 2 + n);
	check_failed(&a, ERROR_PROTOCOL, "has a payload");
	noise_free(&hs);
	free_ends();
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_all_steps);
	RUN(test_stops_at_the_end);
	RUN(test_wrong_hellos);
	RUN(test_allowed);
	RUN(test_wrong_keys);
	RUN(test_told);
	RUN(test_payload);
	UNIT_DONE();
}
