/*
 * wycheproof: run Project Wycheproof's vectors through lib/crypto, and Ed25519 through libsodium.
 *
 *   wycheproof FILE...
 *
 * Files: AES-GCM, CHACHA20-POLY1305, XDH, EDDSA. The last line is "N passed, N failed, N skipped";
 * skipped are only key, nonce and tag sizes that lib/crypto does not offer, and what this build
 * lacks. Exit status 0 if nothing failed.
 */
#include <stdbool.h>

#include "crypto/aead_library.h"
#include "crypto/dh.h"

#include "vectors.h"

#define TEXT_MAX 8192

struct bytes {
	uint8_t data[TEXT_MAX];
	size_t n;
};

struct aead_case {
	enum aead_alg alg;
	struct bytes key, iv, aad, msg, sealed;
	bool valid;
};

static int get(const json_t *object, const char *key, struct bytes *out)
{
	return vectors_bytes(object, key, out->data, sizeof(out->data), &out->n);
}

static bool result_is(const json_t *test, const char *result)
{
	const char *text = vectors_text(test, "result");

	return text && strcmp(text, result) == 0;
}

/* ---- AEAD ---- */

static bool open_agrees(struct aead *a, const struct aead_case *c)
{
	static uint8_t out[TEXT_MAX];
	const size_t n = c->sealed.n - AEAD_TAGBYTES;
	int rc;

	memset(out, 0xa5, sizeof(out));
	rc = aead_open(a, c->iv.data, c->aad.data, c->aad.n, c->sealed.data, c->sealed.n, out);
	if (c->valid)
		return rc == 0 && n == c->msg.n && memcmp(out, c->msg.data, n) == 0;
	return rc == -1 && sodium_is_zero(out, n);
}

static bool seal_agrees(struct aead *a, const struct aead_case *c)
{
	static uint8_t out[TEXT_MAX];

	if (aead_seal(a, c->iv.data, c->aad.data, c->aad.n, c->msg.data, c->msg.n, out) != 0)
		return false;
	return !c->valid || (c->msg.n + AEAD_TAGBYTES == c->sealed.n &&
				memcmp(out, c->sealed.data, c->sealed.n) == 0);
}

/* One back end: libsodium, or a library for bulk data. */
static bool backend_agrees(const struct aead_case *c, const struct aead_library *library)
{
	struct aead a = {0};
	bool ok;

	if (aead_init(&a, c->alg, c->key.data) != 0)
		return false;
	if (library) {
		a.done = AEAD_BULK;
		a.library = library;
		a.bulk = library->make(c->alg, c->key.data);
	}
	ok = (!library || a.bulk) && open_agrees(&a, c) && seal_agrees(&a, c);
	aead_free(&a);
	return ok;
}

static bool backends_agree(const struct aead_case *c)
{
	static const struct aead_library *const libraries[] = {&aead_libcrypto, &aead_ipsecmb};

	for (size_t i = 0; i < 2; i++)
		if (libraries[i]->serves(c->alg) && !backend_agrees(c, libraries[i]))
			return false;
	return backend_agrees(c, NULL);
}

static enum outcome run_aead(enum aead_alg alg, const json_t *test)
{
	static struct aead_case c;
	struct bytes tag;

	c.alg = alg;
	c.valid = result_is(test, "valid");
	if (!c.valid && !result_is(test, "invalid"))
		return FAILED;
	if (get(test, "key", &c.key) != 0 || get(test, "iv", &c.iv) != 0 ||
	    get(test, "aad", &c.aad) != 0 || get(test, "msg", &c.msg) != 0 ||
	    get(test, "ct", &c.sealed) != 0 || get(test, "tag", &tag) != 0)
		return FAILED;
	if (c.key.n != AEAD_KEYBYTES || c.iv.n != AEAD_NONCEBYTES || tag.n != AEAD_TAGBYTES)
		return SKIPPED;
	if (!aead_available(alg))
		return SKIPPED;
	if (c.sealed.n + tag.n > TEXT_MAX || c.msg.n + tag.n > TEXT_MAX)
		return FAILED;
	memcpy(c.sealed.data + c.sealed.n, tag.data, tag.n);
	c.sealed.n += tag.n;
	return backends_agree(&c) ? PASSED : FAILED;
}

static enum outcome run_aesgcm(const json_t *group, const json_t *test)
{
	(void)group;
	return run_aead(AEAD_AESGCM, test);
}

static enum outcome run_chachapoly(const json_t *group, const json_t *test)
{
	(void)group;
	return run_aead(AEAD_CHACHAPOLY, test);
}

/* ---- XDH ---- */

/* 'acceptable' are keys that RFC 7748 computes with and some refuse: dh.h refuses an all-zero
 * result and computes the rest. */
static enum outcome run_xdh(const json_t *group, const json_t *test)
{
	static struct bytes pub, sec, shared;
	const char *curve = vectors_text(group, "curve");
	enum dh_alg dh;
	uint8_t out[DH_MAX];
	int rc;

	if (!curve || (!result_is(test, "valid") && !result_is(test, "acceptable")))
		return FAILED;
	dh = strcmp(curve, "curve448") == 0 ? DH_448 : DH_25519;
	if (!dh_available(dh))
		return SKIPPED;
	if (get(test, "public", &pub) != 0 || get(test, "private", &sec) != 0 ||
	    get(test, "shared", &shared) != 0)
		return FAILED;
	if (pub.n != dh_len(dh) || sec.n != dh_len(dh) || shared.n != dh_len(dh))
		return FAILED;
	rc = dh_shared(dh, out, sec.data, pub.data);
	if (sodium_is_zero(shared.data, shared.n))
		return rc == -1 && sodium_is_zero(out, dh_len(dh)) ? PASSED : FAILED;
	return rc == 0 && memcmp(out, shared.data, shared.n) == 0 ? PASSED : FAILED;
}

/* ---- EdDSA ---- */

static enum outcome run_eddsa(const json_t *group, const json_t *test)
{
	static struct bytes pk, msg, sig;
	const json_t *key = json_object_get(group, "publicKey");
	bool valid = result_is(test, "valid"), verified;

	if (!valid && !result_is(test, "invalid"))
		return FAILED;
	if (get(key, "pk", &pk) != 0 || get(test, "msg", &msg) != 0 || get(test, "sig", &sig) != 0)
		return FAILED;
	if (pk.n != crypto_sign_PUBLICKEYBYTES)
		return FAILED;
	verified = sig.n == crypto_sign_BYTES &&
		   crypto_sign_verify_detached(sig.data, msg.data, msg.n, pk.data) == 0;
	return verified == valid ? PASSED : FAILED;
}

/* ---- files ---- */

typedef enum outcome runner(const json_t *group, const json_t *test);

static const struct {
	const char *algorithm;
	runner *run;
} runners[] = {
    {"AES-GCM", run_aesgcm},
    {"CHACHA20-POLY1305", run_chachapoly},
    {"XDH", run_xdh},
    {"EDDSA", run_eddsa},
};

static runner *runner_of(const char *path, const json_t *root)
{
	const char *algorithm = vectors_text(root, "algorithm");

	for (size_t i = 0; algorithm && i < sizeof(runners) / sizeof(runners[0]); i++)
		if (strcmp(runners[i].algorithm, algorithm) == 0)
			return runners[i].run;
	errx(1, "%s: unknown algorithm %s", path, algorithm ? algorithm : "(none given)");
}

static void run_file(const char *path)
{
	json_t *root = vectors_load(path);
	runner *run = runner_of(path, root);
	const json_t *groups = json_object_get(root, "testGroups"), *group, *tests, *test;
	enum outcome outcome;

	if (!json_is_array(groups))
		errx(1, "%s: no testGroups", path);
	for (size_t g = 0; g < json_array_size(groups); g++) {
		group = json_array_get(groups, g);
		tests = json_object_get(group, "tests");
		if (!json_is_array(tests))
			errx(1, "%s: a group without tests", path);
		for (size_t t = 0; t < json_array_size(tests); t++) {
			test = json_array_get(tests, t);
			outcome = run(group, test);
			vectors_count[outcome]++;
			if (outcome == FAILED)
				warnx("%s: test %lld failed", path,
				    (long long)json_integer_value(json_object_get(test, "tcId")));
		}
	}
	json_decref(root);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		errx(1, "usage: wycheproof FILE...");
	if (secret_init() != 0)
		errx(1, "libsodium cannot start");
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	return vectors_done();
}
