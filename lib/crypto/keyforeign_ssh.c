/* keyforeign: OpenSSH's private keys (PROTOCOL.key in its source) and lines of public ones. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "keyforeign_parts.h"

#define MAGIC "openssh-key-v1"
#define LABEL "OPENSSH PRIVATE KEY"
#define TYPE "ssh-ed25519"
#define BLOCK 8
#define SSH_BYTES_MAX 512

/* ---- reading ---- */

struct reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static uint32_t read_u32(struct reader *r)
{
	uint32_t n;

	if (r->left < 4) {
		r->bad = true;
		return 0;
	}
	n = (uint32_t)r->at[0] << 24 | (uint32_t)r->at[1] << 16 | (uint32_t)r->at[2] << 8 | r->at[3];
	r->at += 4;
	r->left -= 4;
	return n;
}

static struct reader read_string(struct reader *r)
{
	uint32_t n = read_u32(r);
	struct reader s = {r->at, n, false};

	if (r->bad || n > r->left) {
		r->bad = true;
		s.left = 0;
		return s;
	}
	r->at += n;
	r->left -= n;
	return s;
}

static bool is(struct reader s, const char *text)
{
	return s.left == strlen(text) && memcmp(s.at, text, s.left) == 0;
}

/* "ssh-ed25519" and 32 bytes, and nothing behind. */
static int read_public(uint8_t out[KEY_BYTES], struct reader r)
{
	struct reader type = read_string(&r), key = read_string(&r);

	if (!is(type, TYPE))
		return KEYFOREIGN_E_KIND;
	if (r.bad || r.left > 0 || key.left != KEY_BYTES)
		return KEYFOREIGN_E_FORM;
	memcpy(out, key.at, KEY_BYTES);
	return KEYFOREIGN_OK;
}

static int read_section(struct key *k, char *comment, struct reader r, const uint8_t pub[KEY_BYTES])
{
	uint32_t one = read_u32(&r), other = read_u32(&r);
	struct reader type = read_string(&r), own = read_string(&r), pair = read_string(&r), note = read_string(&r);
	struct key derived;

	if (r.bad || one != other || !is(type, TYPE) || own.left != KEY_BYTES || pair.left != (size_t)2 * KEY_BYTES ||
	    r.left >= BLOCK)
		return KEYFOREIGN_E_FORM;
	for (size_t i = 0; i < r.left; i++)
		if (r.at[i] != i + 1)
			return KEYFOREIGN_E_FORM;
	k->form = KEY_SECRET;
	memcpy(k->bytes, pair.at, KEY_BYTES);
	if (key_public(&derived, k) || memcmp(derived.bytes, pub, KEY_BYTES) != 0 || memcmp(own.at, pub, KEY_BYTES) != 0 ||
	    memcmp(pair.at + KEY_BYTES, pub, KEY_BYTES) != 0)
		return KEYFOREIGN_E_KEY;
	keyforeign_comment(comment, note.at, note.left);
	return KEYFOREIGN_OK;
}

static int parse_secret(struct key *k, char *comment, const char *text, size_t len)
{
	uint8_t blob[SSH_BYTES_MAX], pub[KEY_BYTES];
	long n = keyforeign_unarmor(blob, sizeof(blob), LABEL, text, len);
	struct reader r = {blob, n < 0 ? 0 : (size_t)n, false}, cipher, kdf, public;
	int rc = KEYFOREIGN_E_FORM;

	/* RSA keys are longer than anything that is taken here. */
	if (n < 0 && keyforeign_begins(text, len, "-----BEGIN " LABEL "-----") && len > SSH_BYTES_MAX * 4 / 3)
		rc = KEYFOREIGN_E_KIND;
	if (r.left < sizeof(MAGIC) || memcmp(r.at, MAGIC, sizeof(MAGIC)) != 0)
		goto out;
	r.at += sizeof(MAGIC);
	r.left -= sizeof(MAGIC);
	cipher = read_string(&r);
	kdf = read_string(&r);
	read_string(&r);
	rc = r.bad ? KEYFOREIGN_E_FORM : KEYFOREIGN_E_LOCKED;
	if (!is(cipher, "none") || !is(kdf, "none"))
		goto out;
	rc = KEYFOREIGN_E_FORM;
	if (read_u32(&r) != 1)
		goto out;
	public = read_string(&r);
	rc = read_public(pub, public);
	if (rc == KEYFOREIGN_OK)
		rc = read_section(k, comment, read_string(&r), pub);
	if (rc == KEYFOREIGN_OK && (r.bad || r.left > 0))
		rc = KEYFOREIGN_E_FORM;
out:
	secret_wipe(blob, sizeof(blob));
	return rc;
}

/* "ssh-ed25519 BASE64 COMMENT" */
static int parse_public(struct key *k, char *comment, const char *text, size_t len)
{
	uint8_t blob[SSH_BYTES_MAX];
	size_t n, skip = strlen(TYPE) + 1, end = skip;

	if (keyforeign_begins(text, len, "-----BEGIN ") || keyforeign_begins(text, len, "ssh-rsa ") ||
	    keyforeign_begins(text, len, "ecdsa-") || keyforeign_begins(text, len, "sk-"))
		return KEYFOREIGN_E_KIND;
	if (!keyforeign_begins(text, len, TYPE " ") || memchr(text, '\n', len))
		return KEYFOREIGN_E_FORM;
	while (end < len && text[end] != ' ')
		end++;
	if (sodium_base642bin(blob, sizeof(blob), text + skip, end - skip, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL))
		return KEYFOREIGN_E_FORM;
	if (end < len)
		keyforeign_comment(comment, text + end + 1, len - end - 1);
	k->form = KEY_PUBLIC;
	return read_public(k->bytes, (struct reader){blob, n, false});
}

int keyforeign_ssh_parse(struct key *k, char *comment, bool public, const char *text, size_t len)
{
	if (public)
		return parse_public(k, comment, text, len);
	if (keyforeign_begins(text, len, TYPE " "))
		return KEYFOREIGN_E_KIND;
	return parse_secret(k, comment, text, len);
}

/* ---- writing: what comes here fits, for a comment is short ---- */

struct writer {
	uint8_t bytes[SSH_BYTES_MAX];
	size_t len;
};

static void write_u32(struct writer *w, uint32_t n)
{
	for (int i = 24; i >= 0; i -= 8)
		w->bytes[w->len++] = (uint8_t)(n >> i);
}

static void write_string(struct writer *w, const void *data, size_t n)
{
	write_u32(w, (uint32_t)n);
	memcpy(w->bytes + w->len, data, n);
	w->len += n;
}

static void write_public(struct writer *w, const uint8_t pub[KEY_BYTES])
{
	write_string(w, TYPE, strlen(TYPE));
	write_string(w, pub, KEY_BYTES);
}

static void write_section(struct writer *w, const struct key *k, const uint8_t pub[KEY_BYTES], const char *comment,
    const struct rng *rng)
{
	uint8_t check[4], pair[2 * KEY_BYTES];

	rng->fill(rng->ctx, check, sizeof(check));
	for (int i = 0; i < 2; i++) {
		memcpy(w->bytes + w->len, check, sizeof(check));
		w->len += sizeof(check);
	}
	write_public(w, pub);
	memcpy(pair, k->bytes, KEY_BYTES);
	memcpy(pair + KEY_BYTES, pub, KEY_BYTES);
	write_string(w, pair, sizeof(pair));
	write_string(w, comment, strnlen(comment, KEYFOREIGN_COMMENT_MAX - 1));
	for (uint8_t i = 1; w->len % BLOCK; i++)
		w->bytes[w->len++] = i;
	secret_wipe(pair, sizeof(pair));
}

int keyforeign_ssh_format(char out[KEYFOREIGN_TEXT_MAX], const struct key *k, const char *comment,
    const struct rng *rng)
{
	struct writer all = {.len = 0}, part = {.len = 0};
	char text[128];
	struct key pub;

	if (key_public(&pub, k))
		return KEYFOREIGN_E_KIND;
	write_public(&part, pub.bytes);
	if (k->form == KEY_PUBLIC) {
		sodium_bin2base64(text, sizeof(text), part.bytes, part.len, sodium_base64_VARIANT_ORIGINAL);
		snprintf(out, KEYFOREIGN_TEXT_MAX, TYPE " %s%s%s\n", text, comment[0] ? " " : "", comment);
		return KEYFOREIGN_OK;
	}
	memcpy(all.bytes, MAGIC, sizeof(MAGIC));
	all.len = sizeof(MAGIC);
	write_string(&all, "none", 4);
	write_string(&all, "none", 4);
	write_string(&all, "", 0);
	write_u32(&all, 1);
	write_string(&all, part.bytes, part.len);
	part.len = 0;
	write_section(&part, k, pub.bytes, comment, rng);
	write_string(&all, part.bytes, part.len);
	keyforeign_armor(out, LABEL, all.bytes, all.len, 70);
	secret_wipe(&all, sizeof(all));
	secret_wipe(&part, sizeof(part));
	return KEYFOREIGN_OK;
}
