#include "keyseal.h"

#include <sodium.h>
#include <string.h>

#define PREFIX "ve1"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define KDF_ARGON2ID 1
#define HEAD_BYTES (1 + 1 + 4 + 4 + KEYSEAL_SALT + KEY_BYTES)
#define BODY_BYTES (HEAD_BYTES + KEYSEAL_NONCE + KEYSEAL_BOX)
#define SUM_BYTES 3
#define TEXT_CHARS 178 /* base64url of BODY_BYTES + SUM_BYTES */

static void put32(uint8_t out[4], uint32_t n)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(n >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t in[4])
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static void seal_head(uint8_t out[HEAD_BYTES], const struct keyseal *s)
{
	out[0] = (uint8_t)s->form;
	out[1] = KDF_ARGON2ID;
	put32(out + 2, s->passes);
	put32(out + 6, s->kib);
	memcpy(out + 10, s->salt, KEYSEAL_SALT);
	memcpy(out + 10 + KEYSEAL_SALT, s->public, KEY_BYTES);
}

static void seal_sum(uint8_t out[SUM_BYTES], const uint8_t body[BODY_BYTES])
{
	crypto_generichash_state st;
	uint8_t hash[32];

	crypto_generichash_init(&st, NULL, 0, sizeof(hash));
	crypto_generichash_update(&st, (const uint8_t *)PREFIX, PREFIX_LEN);
	crypto_generichash_update(&st, body, BODY_BYTES);
	crypto_generichash_final(&st, hash, sizeof(hash));
	memcpy(out, hash, SUM_BYTES);
}

static bool seal_form(enum key_form form)
{
	return form == KEY_SECRET || form == KEY_XSECRET || form == KEY_PSK;
}

bool keyseal_is(const char *text, size_t len)
{
	return len >= PREFIX_LEN && memcmp(text, PREFIX, PREFIX_LEN) == 0;
}

static int seal_fields(struct keyseal *s, const uint8_t body[BODY_BYTES])
{
	s->form = (enum key_form)body[0];
	s->passes = get32(body + 2);
	s->kib = get32(body + 6);
	memcpy(s->salt, body + 10, KEYSEAL_SALT);
	memcpy(s->public, body + 10 + KEYSEAL_SALT, KEY_BYTES);
	memcpy(s->nonce, body + HEAD_BYTES, KEYSEAL_NONCE);
	memcpy(s->box, body + HEAD_BYTES + KEYSEAL_NONCE, KEYSEAL_BOX);
	if (!seal_form(s->form) || body[1] != KDF_ARGON2ID || s->passes < 1 || s->passes > KEYSEAL_PASSES_MAX ||
	    s->kib < KEYSEAL_KIB_MIN || s->kib > KEYSEAL_KIB_MAX)
		return KEYTEXT_E_FORM;
	return KEYTEXT_OK;
}

int keyseal_parse(struct keyseal *s, const char *text, size_t len)
{
	uint8_t body[BODY_BYTES + SUM_BYTES], sum[SUM_BYTES];
	size_t n;
	int rc = KEYTEXT_E_FORM;

	memset(s, 0, sizeof(*s));
	if (!keyseal_is(text, len))
		return rc;
	for (size_t i = PREFIX_LEN; i < len; i++)
		if (!memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[i], 64))
			return KEYTEXT_E_ENCODING;
	if (len != PREFIX_LEN + TEXT_CHARS)
		return KEYTEXT_E_LENGTH;
	if (sodium_base642bin(body, sizeof(body), text + PREFIX_LEN, TEXT_CHARS, NULL, &n, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) ||
	    n != sizeof(body))
		return KEYTEXT_E_ENCODING;
	seal_sum(sum, body);
	rc = memcmp(sum, body + BODY_BYTES, SUM_BYTES) == 0 ? seal_fields(s, body) : KEYTEXT_E_CHECKSUM;
	if (rc)
		memset(s, 0, sizeof(*s));
	return rc;
}

void keyseal_format(char out[KEYSEAL_TEXT_MAX], const struct keyseal *s)
{
	uint8_t body[BODY_BYTES + SUM_BYTES];

	seal_head(body, s);
	memcpy(body + HEAD_BYTES, s->nonce, KEYSEAL_NONCE);
	memcpy(body + HEAD_BYTES + KEYSEAL_NONCE, s->box, KEYSEAL_BOX);
	seal_sum(body + BODY_BYTES, body);
	memcpy(out, PREFIX, PREFIX_LEN);
	sodium_bin2base64(out + PREFIX_LEN, KEYSEAL_TEXT_MAX - PREFIX_LEN, body, sizeof(body),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static int seal_derive(uint8_t out[32], const struct keyseal *s, const void *passphrase, size_t len)
{
	return crypto_pwhash(out, 32, passphrase, len, s->salt, s->passes, (size_t)s->kib * 1024,
		   crypto_pwhash_ALG_ARGON2ID13)
	    ? KEYSEAL_E_MEMORY
	    : KEYSEAL_OK;
}

/* "ve1" and the head: what the box is bound to. */
static void seal_bound(uint8_t out[PREFIX_LEN + HEAD_BYTES], const struct keyseal *s)
{
	memcpy(out, PREFIX, PREFIX_LEN);
	seal_head(out + PREFIX_LEN, s);
}

int keyseal_lock(struct keyseal *s, const struct key *k, const void *passphrase, size_t len,
    const struct rng *rng)
{
	uint8_t key[32], ad[PREFIX_LEN + HEAD_BYTES];
	struct key pub;
	int rc;

	if (!seal_form(k->form))
		return KEYSEAL_E_FORM;
	s->form = k->form;
	memset(s->public, 0, sizeof(s->public));
	if (key_public(&pub, k) == KEYTEXT_OK)
		memcpy(s->public, pub.bytes, KEY_BYTES);
	rng->fill(rng->ctx, s->salt, sizeof(s->salt));
	rng->fill(rng->ctx, s->nonce, sizeof(s->nonce));
	rc = seal_derive(key, s, passphrase, len);
	if (rc == KEYSEAL_OK) {
		seal_bound(ad, s);
		crypto_aead_xchacha20poly1305_ietf_encrypt(s->box, NULL, k->bytes, KEY_BYTES, ad, sizeof(ad), NULL,
		    s->nonce, key);
	}
	secret_wipe(key, sizeof(key));
	return rc;
}

int keyseal_open(struct key *k, const struct keyseal *s, const void *passphrase, size_t len)
{
	uint8_t key[32], ad[PREFIX_LEN + HEAD_BYTES];
	struct key pub;
	int rc = seal_derive(key, s, passphrase, len);

	k->form = s->form;
	seal_bound(ad, s);
	if (rc == KEYSEAL_OK &&
	    crypto_aead_xchacha20poly1305_ietf_decrypt(k->bytes, NULL, NULL, s->box, sizeof(s->box), ad, sizeof(ad),
		s->nonce, key))
		rc = KEYSEAL_E_PASSPHRASE;
	/* Whoever knew the passphrase could have put another public key beside it. */
	if (rc == KEYSEAL_OK && key_public(&pub, k) == KEYTEXT_OK && memcmp(pub.bytes, s->public, KEY_BYTES) != 0)
		rc = KEYSEAL_E_FORM;
	secret_wipe(key, sizeof(key));
	if (rc)
		secret_wipe(k, sizeof(*k));
	return rc;
}

int keyseal_public(struct key *pub, const struct keyseal *s)
{
	memset(pub, 0, sizeof(*pub));
	if (s->form == KEY_PSK)
		return -1;
	pub->form = s->form == KEY_SECRET ? KEY_PUBLIC : KEY_XPUBLIC;
	memcpy(pub->bytes, s->public, KEY_BYTES);
	return 0;
}
