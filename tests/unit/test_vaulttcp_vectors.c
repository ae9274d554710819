/*
 * Handshakes and frames of the raw wire with fixed keys, made by a Vault TCP in Python and by the tests' own
 * peer: the engine must say the same bytes, and understand them, whole and byte by byte, in both roles.
 */
#include <jansson.h>

#include "pair.h"

#define OWN "tests/vectors/vaulttcp-own.json"

/* Randomness is what the vector says, in the order in which keys are made. */
static uint8_t fixed[4][DH_MAX];
static int fixed_count, fixed_next;

static void fixed_fill(void *ctx, uint8_t *buf, size_t n)
{
	(void)ctx;
	CHECK(fixed_next < fixed_count && n <= DH_MAX);
	memcpy(buf, fixed[fixed_next < fixed_count ? fixed_next : 0], n);
	fixed_next++;
}

static const struct rng fixed_rng = {.fill = fixed_fill};

static size_t unhex(const json_t *o, uint8_t *out, size_t cap)
{
	const char *text = json_string_value(o), *end;
	size_t n = 0;

	if (!text)
		return 0;
	CHECK_INT(sodium_hex2bin(out, cap, text, strlen(text), NULL, &n, &end), 0);
	return n;
}

/* One side of a vector: the session, and who it is. */
struct one {
	struct session s;
	struct session_config config;
	struct session_desk desk;
	const json_t *v;
	bool initiator;
	size_t step; /* bytes at a time */
	uint8_t in[SESSION_FRAMEMAX], out[SESSION_FRAMEMAX], secret[DH_MAX], remote[32];
};

static void setup(struct one *o)
{
	const char *own = o->initiator ? "s_init" : "s_resp", *e = o->initiator ? "e_init" : "e_resp";
	struct noise_protocol p;
	uint8_t other[DH_MAX] = {0};
	const char *name = json_string_value(json_object_get(o->v, "name"));

	CHECK_INT(noise_protocol_parse(&p, name, strlen(name)), NOISE_OK);
	fixed_count = fixed_next = 0;
	memset(o->secret, 1, sizeof(o->secret));
	unhex(json_object_get(o->v, own), o->secret, DH_MAX);
	if (p.dh != DH_25519) /* made for the run */
		memcpy(fixed[fixed_count++], o->secret, DH_MAX);
	unhex(json_object_get(o->v, e), fixed[fixed_count++], DH_MAX);
	if (unhex(json_object_get(o->v, "s_resp"), other, DH_MAX) == 32)
		CHECK_INT(crypto_scalarmult_base(o->remote, other), 0);
	o->config = (struct session_config){
	    .wire = &wire_vaulttcp,
	    .raw_protocol = p,
	    .pause_ms = 50, /* no empty message of an initiator before */
	    .handshake = {.initiator = o->initiator, .protocol = p, .static_secret = o->secret, .rng = &fixed_rng,
		.remote_static = o->initiator && noise_protocol_needs_remote(&p, true) ? o->remote : NULL},
	    .rng = &fixed_rng,
	};
	CHECK_INT(session_start(&o->s, &o->config, &o->desk, o->in, sizeof(o->in), o->out, sizeof(o->out), 1000), 0);
}

static void expect_said(struct one *o, const uint8_t *bytes, size_t n)
{
	size_t len = 0;
	const uint8_t *at = session_send_wire_buf(&o->s, &len);

	CHECK_INT(len, n);
	CHECK(at && len == n && memcmp(at, bytes, n) == 0);
	session_send_wire_ack(&o->s, len);
}

static void give(struct one *o, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		size_t len = 0, k = n < o->step ? n : o->step;
		uint8_t *at = session_recv_wire_buf(&o->s, &len);

		CHECK(at && len >= k);
		if (!at || len < k)
			return;
		memcpy(at, bytes, k);
		session_recv_wire_ack(&o->s, k);
		if (session_state(&o->s) & SESSION_JUDGE)
			session_judge(&o->s, NULL);
		bytes += k;
		n -= k;
	}
}

static void say(struct one *o, const uint8_t *plain, size_t n, const uint8_t *frame, size_t len)
{
	uint8_t sealed[4 + AEAD_TAGBYTES] = {0};
	struct iovec iov;

	if (n == 0) { /* the engine has no reason to send an empty message, but its cipher goes on */
		be_put32(sealed, AEAD_TAGBYTES);
		CHECK_INT(noise_cipher_seal(&o->s.tx, sealed + 4, 0, sealed + 4), NOISE_OK);
		CHECK_INT(len, 4 + AEAD_TAGBYTES);
		CHECK_MEM(sealed, frame, len);
		return;
	}
	session_tick(&o->s, o->s.quiet_until > o->s.now ? o->s.quiet_until : o->s.now);
	CHECK_INT(session_send_app_iov(&o->s, &iov, 1), 1);
	memcpy(iov.iov_base, plain, n);
	session_send_app_ack(&o->s, n);
	expect_said(o, frame, len);
}

static void hear(struct one *o, const uint8_t *plain, size_t n, const uint8_t *frame, size_t len)
{
	uint64_t messages = o->s.messages_received;
	struct iovec iov = {0};

	give(o, frame, len);
	CHECK_INT(o->s.messages_received, messages + 1);
	CHECK_INT(session_recv_app_iov(&o->s, &iov, 1), n > 0);
	CHECK_INT(iov.iov_len, n);
	CHECK(n == 0 || (iov.iov_len == n && memcmp(iov.iov_base, plain, n) == 0));
	session_recv_app_ack(&o->s, n);
}

static void play_frames(struct one *o)
{
	static uint8_t plain[NOISE_MAXMSG], frame[4 + NOISE_MAXMSG];
	json_t *f;
	size_t i;

	json_array_foreach(json_object_get(o->v, "frames"), i, f) {
		bool ours = (strcmp(json_string_value(json_object_get(f, "from_")), "initiator") == 0) == o->initiator;
		size_t n = unhex(json_object_get(f, "plaintext"), plain, sizeof(plain));
		size_t len = unhex(json_object_get(f, "frame"), frame, sizeof(frame));

		if (ours)
			say(o, plain, n, frame, len);
		else
			hear(o, plain, n, frame, len);
	}
}

static void play(const json_t *v, bool initiator, size_t step)
{
	static struct one o;
	uint8_t message[HANDSHAKE_MAXMSG], hash[HASH_MAX];
	json_t *m;
	size_t i, n;

	memset(&o, 0, sizeof(o));
	o.v = v;
	o.initiator = initiator;
	o.step = step;
	setup(&o);
	json_array_foreach(json_object_get(v, "handshake"), i, m) {
		n = unhex(m, message, sizeof(message));
		if ((i % 2 == 0) == initiator)
			expect_said(&o, message, n);
		else
			give(&o, message, n);
	}
	n = unhex(json_object_get(v, "handshake_hash"), hash, sizeof(hash));
	CHECK(n > 0);
	CHECK_MEM(o.s.handshake_hash, hash, n);
	play_frames(&o);
	CHECK(session_state(&o.s) & SESSION_READY);
	CHECK_INT(session_error(&o.s)->code, ERROR_OK);
	session_free(&o.s);
}

static bool built_in(const json_t *v)
{
	struct noise_protocol p;
	const char *name = json_string_value(json_object_get(v, "name"));

	return noise_protocol_parse(&p, name, strlen(name)) == NOISE_OK;
}

/* Returns how many vectors were played. */
static int play_file(const char *path)
{
	json_t *root = json_load_file(path, 0, NULL), *v;
	int count = 0;
	size_t i;

	json_array_foreach(json_object_get(root, "tcp"), i, v) {
		if (!built_in(v))
			continue;
		for (size_t step = 1; step <= 1000; step *= 10) {
			play(v, true, step);
			play(v, false, step);
		}
		if (unit_here > 0)
			fprintf(stderr, "%s: %s\n", path, json_string_value(json_object_get(v, "name")));
		count++;
	}
	json_decref(root);
	return count;
}

static void test_own(void)
{
	CHECK(play_file(OWN) >= (WITH_LIBCRYPTO ? 9 : 3));
}

/* Those of Vault TCP in Python, where they are at hand. */
static void test_upstream(void)
{
	const char *shared = getenv("SHARED");
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/vectors/vault-wire.json", shared ? shared : "../shared");
	f = fopen(path, "r");
	if (!f)
		return;
	fclose(f);
	CHECK(play_file(path) >= 3);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_own);
	RUN(test_upstream);
	UNIT_DONE();
}
