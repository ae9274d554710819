/*
 * noise-vectors: replay published Noise vectors (cacophony's JSON form) through lib/crypto.
 *
 *   noise-vectors FILE...
 *
 * Every vector runs twice, once as each side, against the recorded bytes of the other. The last
 * line is "N passed, N failed, N skipped"; skipped is only what this build lacks and what Noise
 * knows but lib/crypto does not offer. Exit status 0 if nothing failed.
 */
#include <stdbool.h>

#include "crypto/noise.h"

#include "vectors.h"

/* What one side brings. */
struct side {
	uint8_t prologue[NOISE_MAXMSG], s[DH_MAX], rs[DH_MAX], e[DH_MAX];
	uint8_t psks[NOISE_MAXPSKS][NOISE_PSKBYTES];
	bool have_e;
	struct noise_keys keys;
	struct rng rng;
	size_t e_len;
};

struct message {
	uint8_t payload[NOISE_MAXMSG], wire[NOISE_MAXMSG];
	size_t payload_len, wire_len;
};

/* One replay. */
struct replay {
	const json_t *vector, *messages;
	struct noise_protocol protocol;
	bool initiator;
	struct side side;
	struct noise_handshake hs;
	struct noise_cipher tx, rx;
	char why[80];
};

/* Names that are Noise's, but none of ours. */
static const char *const outside[] = {
    "NoisePSK_", "fallback", "hfs", "_P256_", "_secp256k1_", "_XChaChaPoly_", NULL};

static bool is_outside(const char *name)
{
	for (size_t i = 0; outside[i]; i++)
		if (strstr(name, outside[i]))
			return true;
	return false;
}

static int fail(struct replay *r, const char *why, size_t index)
{
	if (!r->why[0])
		snprintf(r->why, sizeof(r->why), why, index);
	return -1;
}

/* ---- reading a vector ---- */

/* The vector's ephemeral key, once. */
static void fill_ephemeral(void *ctx, uint8_t *buf, size_t n)
{
	struct side *side = ctx;

	memset(buf, 0, n);
	if (side->have_e && side->e_len == n)
		memcpy(buf, side->e, n);
	side->have_e = false;
}

static const char *key_of(char out[32], bool initiator, const char *field)
{
	snprintf(out, 32, "%s_%s", initiator ? "init" : "resp", field);
	return out;
}

/* An optional key: 1 if there, 0 if not, -1 if bad. */
static int read_key(const struct replay *r, bool initiator, const char *field, uint8_t *out)
{
	char key[32];
	size_t n;

	if (!json_object_get(r->vector, key_of(key, initiator, field)))
		return 0;
	if (vectors_bytes(r->vector, key, out, DH_MAX, &n) != 0 || n != dh_len(r->protocol.dh))
		return -1;
	return 1;
}

static int read_psks(struct replay *r)
{
	char key[32];
	const json_t *list = json_object_get(r->vector, key_of(key, r->initiator, "psks"));
	const char *text;
	size_t n;

	if (json_array_size(list) > NOISE_MAXPSKS)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++) {
		text = json_string_value(json_array_get(list, i));
		if (!text || vectors_unhex(text, r->side.psks[i], NOISE_PSKBYTES, &n) != 0 ||
		    n != NOISE_PSKBYTES)
			return -1;
	}
	r->side.keys.psks = (const uint8_t(*)[NOISE_PSKBYTES])r->side.psks;
	r->side.keys.psk_count = json_array_size(list);
	return 0;
}

static int read_side(struct replay *r)
{
	struct side *side = &r->side;
	struct noise_keys *keys = &side->keys;
	char key[32];
	int s, rs, e;

	keys->prologue = side->prologue;
	if (json_object_get(r->vector, key_of(key, r->initiator, "prologue")) &&
	    vectors_bytes(
		r->vector, key, side->prologue, sizeof(side->prologue), &keys->prologue_len) != 0)
		return fail(r, "bad prologue", 0);
	s = read_key(r, r->initiator, "static", side->s);
	rs = read_key(r, r->initiator, "remote_static", side->rs);
	e = read_key(r, r->initiator, "ephemeral", side->e);
	if (s < 0 || rs < 0 || e < 0)
		return fail(r, "bad key", 0);
	keys->static_secret = s ? side->s : NULL;
	keys->remote_static = rs ? side->rs : NULL;
	side->have_e = e;
	side->e_len = dh_len(r->protocol.dh);
	side->rng.fill = fill_ephemeral;
	side->rng.ctx = side;
	return read_psks(r) == 0 ? 0 : fail(r, "bad psks", 0);
}

static int read_message(struct replay *r, size_t index, struct message *m)
{
	const json_t *message = json_array_get(r->messages, index);

	if (vectors_bytes(message, "payload", m->payload, NOISE_MAXMSG, &m->payload_len) != 0 ||
	    vectors_bytes(message, "ciphertext", m->wire, NOISE_MAXMSG, &m->wire_len) != 0)
		return fail(r, "message %zu: bad hex", index);
	return 0;
}

/* ---- replaying it ---- */

static bool same(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	return an == bn && memcmp(a, b, an) == 0;
}

static int handshake_message(struct replay *r, const struct message *m, size_t index)
{
	static uint8_t out[NOISE_MAXMSG];
	size_t n;

	if (noise_action(&r->hs) == NOISE_WRITE) {
		if (noise_write(&r->hs, m->payload, m->payload_len, out, sizeof(out), &n) != 0)
			return fail(r, "message %zu: not written", index);
		if (!same(out, n, m->wire, m->wire_len))
			return fail(r, "message %zu: ciphertext differs", index);
		return 0;
	}
	if (noise_read(&r->hs, m->wire, m->wire_len, out, sizeof(out), &n) != 0)
		return fail(r, "message %zu: refused", index);
	if (!same(out, n, m->payload, m->payload_len))
		return fail(r, "message %zu: payload differs", index);
	return 0;
}

/* The turns of the handshake go on; after a one-way pattern only the initiator speaks. */
static int transport_message(struct replay *r, const struct message *m, size_t index)
{
	const bool by_initiator = noise_protocol_one_way(&r->protocol) || index % 2 == 0;
	static uint8_t out[NOISE_MAXMSG];

	if (by_initiator == r->initiator) {
		if (noise_cipher_seal(&r->tx, m->payload, m->payload_len, out) != 0)
			return fail(r, "message %zu: not sealed", index);
		if (!same(out, m->payload_len + AEAD_TAGBYTES, m->wire, m->wire_len))
			return fail(r, "message %zu: ciphertext differs", index);
		return 0;
	}
	if (noise_cipher_open(&r->rx, m->wire, m->wire_len, out) != 0)
		return fail(r, "message %zu: refused", index);
	if (!same(out, m->wire_len - AEAD_TAGBYTES, m->payload, m->payload_len))
		return fail(r, "message %zu: payload differs", index);
	return 0;
}

/* The peer's static key, as this side learnt it, must be that of the peer's secret. */
static int check_remote(struct replay *r)
{
	const uint8_t *remote = noise_remote_static(&r->hs);
	uint8_t secret[DH_MAX], public[DH_MAX];

	if ((remote != NULL) != noise_protocol_peer_has_static(&r->protocol, r->initiator))
		return fail(r, "remote static key missing or unexpected", 0);
	if (!remote || read_key(r, !r->initiator, "static", secret) != 1)
		return 0;
	if (dh_public(r->protocol.dh, public, secret) != 0 ||
	    memcmp(remote, public, dh_len(r->protocol.dh)) != 0)
		return fail(r, "remote static key differs", 0);
	return 0;
}

static int finish_handshake(struct replay *r)
{
	const size_t len = hash_len(r->protocol.hash);
	uint8_t hash[HASH_MAX];
	size_t n;

	if (json_object_get(r->vector, "handshake_hash")) {
		if (vectors_bytes(r->vector, "handshake_hash", hash, sizeof(hash), &n) != 0)
			return fail(r, "bad handshake hash", 0);
		if (!same(hash, n, noise_hash(&r->hs), len))
			return fail(r, "handshake hash differs", 0);
	}
	if (noise_split(&r->hs, &r->tx, &r->rx) != 0)
		return fail(r, "split failed", 0);
	return check_remote(r);
}

static int replay_messages(struct replay *r)
{
	static struct message m;
	size_t count = json_array_size(r->messages);

	for (size_t i = 0; i < count; i++) {
		if (read_message(r, i, &m) != 0)
			return -1;
		if (noise_action(&r->hs) == NOISE_COMPLETE) {
			if (transport_message(r, &m, i) != 0)
				return -1;
			continue;
		}
		if (handshake_message(r, &m, i) != 0)
			return -1;
		if (noise_action(&r->hs) == NOISE_SPLIT && finish_handshake(r) != 0)
			return -1;
	}
	return noise_action(&r->hs) == NOISE_COMPLETE ? 0 : fail(r, "too few messages", 0);
}

static int replay_as(struct replay *r, bool initiator)
{
	int rc = -1;

	r->initiator = initiator;
	memset(&r->side, 0, sizeof(r->side));
	if (read_side(r) != 0)
		return -1;
	if (noise_start(&r->hs, &r->protocol, initiator, &r->side.keys, &r->side.rng) != 0)
		return fail(r, "not started: a key is missing", 0);
	rc = replay_messages(r);
	noise_cipher_free(&r->tx);
	noise_cipher_free(&r->rx);
	noise_free(&r->hs);
	return rc;
}

static enum outcome run(const char *path, size_t index, const json_t *vector)
{
	static struct replay r;
	const char *name = vectors_text(vector, "protocol_name");
	int rc;

	if (!name)
		name = vectors_text(vector, "name");
	if (!name) {
		warnx("%s: vector %zu: no protocol_name", path, index);
		return FAILED;
	}
	memset(&r, 0, sizeof(r));
	rc = noise_protocol_parse(&r.protocol, name, strlen(name));
	if (rc == NOISE_E_UNBUILT || (rc == NOISE_E_NAME && is_outside(name)))
		return SKIPPED;
	if (rc != NOISE_OK) {
		warnx("%s: vector %zu: %s: bad name", path, index, name);
		return FAILED;
	}
	r.vector = vector;
	r.messages = json_object_get(vector, "messages");
	if (replay_as(&r, true) == 0 && replay_as(&r, false) == 0)
		return PASSED;
	warnx("%s: vector %zu: %s: as %s: %s", path, index, name,
	    r.initiator ? "initiator" : "responder", r.why);
	return FAILED;
}

static void run_file(const char *path)
{
	json_t *root = vectors_load(path);
	const json_t *list = json_is_array(root) ? root : json_object_get(root, "vectors");

	if (!json_is_array(list))
		errx(1, "%s: no list of vectors", path);
	for (size_t i = 0; i < json_array_size(list); i++)
		vectors_count[run(path, i, json_array_get(list, i))]++;
	json_decref(root);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		errx(1, "usage: noise-vectors FILE...");
	if (secret_init() != 0)
		errx(1, "libsodium cannot start");
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	return vectors_done();
}
