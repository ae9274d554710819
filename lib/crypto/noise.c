/*
 * noise: handshakes (HandshakeState, section 5.3); see noise.h. Names are in noise_protocol.c,
 * ck, h and the handshake's cipher in noise_symmetric.c, the transport in noise_cipher.c.
 *
 * s, e      own secret keys; s_pub, e_pub their public keys; rs, re the peer's public keys
 *
 * A message is a list of tokens (noise_patterns.h); write_token() and read_token() each do one.
 */
#include "noise.h"

#include <string.h>

#include "noise_patterns.h"
#include "noise_symmetric.h"

/* What is not yet written of a message, or not yet read. */
struct cursor {
	uint8_t *out;
	const uint8_t *in;
};

const char *noise_strerror(int error)
{
	switch (error) {
	case NOISE_OK:
		return "no error";
	case NOISE_E_NAME:
		return "not a Noise protocol name that is known here";
	case NOISE_E_UNBUILT:
		return "this build lacks the algorithm (it needs libcrypto)";
	case NOISE_E_STATE:
		return "handshake out of turn, or failed before";
	case NOISE_E_LENGTH:
		return "message too short or too long";
	case NOISE_E_DECRYPT:
		return "wrong tag (forged, or the keys differ)";
	case NOISE_E_DH:
		return "the peer's public key is of low order";
	case NOISE_E_KEY:
		return "a key that the pattern needs is missing";
	case NOISE_E_NONCE:
		return "too many messages under one key";
	case NOISE_E_LIBRARY:
		return "the cryptographic library failed";
	}
	return "unknown error";
}

/* ---- tokens, section 5.3 ---- */

static int mix_dh(struct noise_handshake *hs, enum noise_token token)
{
	const bool initiator_s = token == NOISE_TOKEN_SE || token == NOISE_TOKEN_SS;
	const bool responder_s = token == NOISE_TOKEN_ES || token == NOISE_TOKEN_SS;
	const bool own_s = hs->initiator ? initiator_s : responder_s;
	const bool peer_s = hs->initiator ? responder_s : initiator_s;
	const enum dh_alg dh = hs->protocol.dh;
	uint8_t shared[DH_MAX];
	int r;

	if (!(own_s ? hs->have_s : hs->have_e) || !(peer_s ? hs->have_rs : hs->have_re))
		return NOISE_E_KEY;
	if (dh_shared(dh, shared, own_s ? hs->s : hs->e, peer_s ? hs->rs : hs->re) != 0)
		return NOISE_E_DH;
	r = noise_symmetric_mix_key(hs, shared, dh_len(dh), false);
	secret_wipe(shared, sizeof(shared));
	return r;
}

/* Tokens that are the same to writer and reader. */
static int mix_token(struct noise_handshake *hs, enum noise_token token)
{
	unsigned which;

	if (token != NOISE_TOKEN_PSK)
		return mix_dh(hs, token);
	if (hs->psk_next >= hs->psk_count)
		return NOISE_E_KEY;
	which = hs->psk_choices > 0 ? hs->psk_chosen : hs->psk_next;
	hs->psk_next++;
	return noise_symmetric_mix_key(hs, hs->psks[which], NOISE_PSKBYTES, true);
}

/* Section 9.2: with psks, an ephemeral public key is mixed into the key, too. */
static int mix_ephemeral(struct noise_handshake *hs, const uint8_t *pub)
{
	const size_t len = dh_len(hs->protocol.dh);
	int r = noise_symmetric_mix_hash(hs, pub, len);

	if (r == NOISE_OK && hs->protocol.psks)
		r = noise_symmetric_mix_key(hs, pub, len, false);
	return r;
}

static int write_e(struct noise_handshake *hs, struct cursor *c)
{
	const size_t len = dh_len(hs->protocol.dh);

	if (dh_keypair(hs->protocol.dh, hs->rng, hs->e, hs->e_pub) != 0)
		return NOISE_E_LIBRARY;
	hs->have_e = true;
	memcpy(c->out, hs->e_pub, len);
	c->out += len;
	return mix_ephemeral(hs, hs->e_pub);
}

static int write_s(struct noise_handshake *hs, struct cursor *c)
{
	const size_t len = dh_len(hs->protocol.dh), sealed = noise_symmetric_sealed_len(hs, len);
	int r = noise_symmetric_encrypt(hs, hs->s_pub, len, c->out);

	c->out += sealed;
	return r;
}

static int write_token(struct noise_handshake *hs, enum noise_token token, struct cursor *c)
{
	if (token == NOISE_TOKEN_E)
		return write_e(hs, c);
	if (token == NOISE_TOKEN_S)
		return write_s(hs, c);
	return mix_token(hs, token);
}

static int read_e(struct noise_handshake *hs, struct cursor *c)
{
	const size_t len = dh_len(hs->protocol.dh);

	memcpy(hs->re, c->in, len);
	hs->have_re = true;
	c->in += len;
	return mix_ephemeral(hs, hs->re);
}

static int read_s(struct noise_handshake *hs, struct cursor *c)
{
	const size_t sealed = noise_symmetric_sealed_len(hs, dh_len(hs->protocol.dh));
	int r = noise_symmetric_decrypt(hs, c->in, sealed, hs->rs);

	hs->have_rs = r == NOISE_OK;
	c->in += sealed;
	return r;
}

static int read_token(struct noise_handshake *hs, enum noise_token token, struct cursor *c)
{
	if (token == NOISE_TOKEN_E)
		return read_e(hs, c);
	if (token == NOISE_TOKEN_S)
		return read_s(hs, c);
	return mix_token(hs, token);
}

/* ---- begin ---- */

static int take_psks(struct noise_handshake *hs, const struct noise_keys *keys)
{
	const unsigned count = noise_protocol_psk_count(&hs->protocol);

	if (count == 0)
		return NOISE_OK;
	if (count > NOISE_MAXPSKS || !keys->psks)
		return NOISE_E_KEY;
	hs->psk_count = count;
	if (keys->psk_choices > 0) {
		if (keys->psk_choices > NOISE_MAXCHOICES ||
		    (keys->psk_choices > 1 && !noise_protocol_finds_psk(&hs->protocol, hs->initiator)))
			return NOISE_E_KEY;
		memcpy(hs->psks, keys->psks, keys->psk_choices * NOISE_PSKBYTES);
		hs->psk_choices = (unsigned)keys->psk_choices;
		return NOISE_OK;
	}
	if (keys->psk_count != count && keys->psk_count != 1)
		return NOISE_E_KEY;
	for (unsigned i = 0; i < count; i++)
		memcpy(hs->psks[i], keys->psks[keys->psk_count == 1 ? 0 : i], NOISE_PSKBYTES);
	return NOISE_OK;
}

static int take_keys(struct noise_handshake *hs, const struct noise_keys *keys)
{
	const struct noise_protocol *p = &hs->protocol;

	if (noise_protocol_needs_static(p, hs->initiator)) {
		if (!keys->static_secret)
			return NOISE_E_KEY;
		memcpy(hs->s, keys->static_secret, dh_len(p->dh));
		if (keys->static_public)
			memcpy(hs->s_pub, keys->static_public, dh_len(p->dh));
		else if (dh_public(p->dh, hs->s_pub, hs->s) != 0)
			return NOISE_E_LIBRARY;
		hs->have_s = true;
	}
	if (noise_protocol_needs_remote(p, hs->initiator)) {
		if (!keys->remote_static)
			return NOISE_E_KEY;
		memcpy(hs->rs, keys->remote_static, dh_len(p->dh));
		hs->have_rs = true;
	}
	return take_psks(hs, keys);
}

/* The initiator's pre-message key goes first. */
static int mix_known(struct noise_handshake *hs)
{
	const size_t len = dh_len(hs->protocol.dh);
	int r = NOISE_OK;

	if (hs->protocol.pattern->initiator_known)
		r = noise_symmetric_mix_hash(hs, hs->initiator ? hs->s_pub : hs->rs, len);
	if (r == NOISE_OK && hs->protocol.pattern->responder_known)
		r = noise_symmetric_mix_hash(hs, hs->initiator ? hs->rs : hs->s_pub, len);
	return r;
}

/* All calls end here; failure is final. */
static int finish(struct noise_handshake *hs, int r)
{
	if (r != NOISE_OK)
		noise_free(hs);
	return r;
}

int noise_start(struct noise_handshake *hs, const struct noise_protocol *p, bool initiator,
    const struct noise_keys *keys, const struct rng *rng)
{
	int r;

	memset(hs, 0, sizeof(*hs));
	if (!p->pattern)
		return NOISE_E_NAME;
	if (!dh_available(p->dh) || !aead_available(p->cipher) || !hash_available(p->hash))
		return NOISE_E_UNBUILT;
	hs->protocol = *p;
	hs->initiator = initiator;
	hs->rng = rng;
	r = take_keys(hs, keys);
	if (r == NOISE_OK)
		r = noise_symmetric_start(hs);
	if (r == NOISE_OK)
		r = noise_symmetric_mix_hash(hs, keys->prologue, keys->prologue_len);
	if (r == NOISE_OK)
		r = mix_known(hs);
	hs->action = initiator ? NOISE_WRITE : NOISE_READ;
	return finish(hs, r);
}

/* ---- messages ---- */

static void next_turn(struct noise_handshake *hs)
{
	hs->message++;
	if (hs->message == noise_protocol_messages(&hs->protocol))
		hs->action = NOISE_SPLIT;
	else
		hs->action = hs->action == NOISE_WRITE ? NOISE_READ : NOISE_WRITE;
}

enum noise_action noise_action(const struct noise_handshake *hs)
{
	return hs->action;
}

static int write_message(struct noise_handshake *hs, const uint8_t *payload, size_t n, uint8_t *out)
{
	enum noise_token tokens[NOISE_TOKENS_MAX];
	struct cursor c = {.out = out};
	size_t count;
	int r = NOISE_OK;

	count = noise_pattern_tokens(hs->protocol.pattern, hs->protocol.psks, hs->message, tokens);
	for (size_t i = 0; r == NOISE_OK && i < count; i++)
		r = write_token(hs, tokens[i], &c);
	if (r == NOISE_OK)
		r = noise_symmetric_encrypt(hs, payload, n, c.out);
	return r;
}

int noise_write(struct noise_handshake *hs, const uint8_t *payload, size_t n, uint8_t *out,
    size_t outcap, size_t *outlen)
{
	size_t overhead;
	int r;

	*outlen = 0;
	if (hs->action != NOISE_WRITE)
		return finish(hs, NOISE_E_STATE);
	overhead = noise_protocol_message_len(&hs->protocol, hs->message);
	if (n > NOISE_MAXMSG - overhead || outcap < overhead + n)
		return finish(hs, NOISE_E_LENGTH);
	r = write_message(hs, payload, n, out);
	if (r != NOISE_OK) {
		secret_wipe(out, overhead + n);
		return finish(hs, r);
	}
	*outlen = overhead + n;
	next_turn(hs);
	return NOISE_OK;
}

/* What is to be read of a message: tokens, then the payload up to ${end}. */
struct rest {
	enum noise_token tokens[NOISE_TOKENS_MAX];
	size_t count;
	const uint8_t *end;
	uint8_t *payload;
};

static int read_from(struct noise_handshake *hs, const struct rest *rest, size_t i, struct cursor c)
{
	int r = NOISE_OK;

	for (; r == NOISE_OK && i < rest->count; i++)
		r = read_token(hs, rest->tokens[i], &c);
	return r == NOISE_OK ? noise_symmetric_decrypt(hs, c.in, (size_t)(rest->end - c.in), rest->payload) : r;
}

/* From the first psk on, token ${i}: once with each, and then again with the one that fitted. A psk replaces the
 * cipher, so ck and h are all that has to be as before. */
static int read_choosing(struct noise_handshake *hs, const struct rest *rest, size_t i, struct cursor c)
{
	uint8_t ck[HASH_MAX], h[HASH_MAX];
	unsigned fits = 0;
	int r = NOISE_E_DECRYPT, found = NOISE_E_DECRYPT;

	memcpy(ck, hs->ck, sizeof(ck));
	memcpy(h, hs->h, sizeof(h));
	for (unsigned k = 0; k <= hs->psk_choices; k++) {
		memcpy(hs->ck, ck, sizeof(ck));
		memcpy(hs->h, h, sizeof(h));
		hs->psk_next = 0;
		hs->psk_chosen = k < hs->psk_choices ? k : fits;
		r = read_from(hs, rest, i, c);
		if (r != NOISE_OK && r != NOISE_E_DECRYPT)
			break;
		if (r == NOISE_OK && found != NOISE_OK)
			fits = k;
		if (r == NOISE_OK)
			found = r;
	}
	secret_wipe(ck, sizeof(ck));
	return r;
}

static int read_message(struct noise_handshake *hs, const uint8_t *msg, size_t n, uint8_t *payload)
{
	struct rest rest = {.end = msg + n, .payload = payload};
	struct cursor c = {.in = msg};
	int r = NOISE_OK;

	rest.count = noise_pattern_tokens(hs->protocol.pattern, hs->protocol.psks, hs->message, rest.tokens);
	for (size_t i = 0; i < rest.count; i++) {
		if (rest.tokens[i] == NOISE_TOKEN_PSK && hs->psk_choices > 1 && hs->psk_next == 0)
			return read_choosing(hs, &rest, i, c);
		r = read_token(hs, rest.tokens[i], &c);
		if (r != NOISE_OK)
			return r;
	}
	return read_from(hs, &rest, rest.count, c);
}

int noise_read(struct noise_handshake *hs, const uint8_t *msg, size_t n, uint8_t *payload,
    size_t cap, size_t *plen)
{
	size_t overhead;
	int r;

	*plen = 0;
	if (hs->action != NOISE_READ)
		return finish(hs, NOISE_E_STATE);
	overhead = noise_protocol_message_len(&hs->protocol, hs->message);
	if (n < overhead || n > NOISE_MAXMSG || n - overhead > cap)
		return finish(hs, NOISE_E_LENGTH);
	r = read_message(hs, msg, n, payload);
	if (r != NOISE_OK)
		return finish(hs, r);
	*plen = n - overhead;
	next_turn(hs);
	return NOISE_OK;
}

/* ---- end ---- */

const uint8_t *noise_remote_static(const struct noise_handshake *hs)
{
	return hs->have_rs ? hs->rs : NULL;
}

int noise_chosen_psk(const struct noise_handshake *hs)
{
	return hs->psk_choices > 0 && hs->psk_next > 0 ? (int)hs->psk_chosen : -1;
}

const uint8_t *noise_hash(const struct noise_handshake *hs)
{
	return hs->action == NOISE_SPLIT || hs->action == NOISE_COMPLETE ? hs->h : NULL;
}

static void wipe_secrets(struct noise_handshake *hs)
{
	noise_cipher_free(&hs->cipher);
	secret_wipe(hs->ck, sizeof(hs->ck));
	secret_wipe(hs->s, sizeof(hs->s));
	secret_wipe(hs->e, sizeof(hs->e));
	secret_wipe(hs->psks, sizeof(hs->psks));
	hs->have_s = hs->have_e = hs->have_k = false;
}

int noise_split(struct noise_handshake *hs, struct noise_cipher *tx, struct noise_cipher *rx)
{
	struct noise_cipher *first = hs->initiator ? tx : rx, *second = hs->initiator ? rx : tx;
	int r;

	memset(tx, 0, sizeof(*tx));
	memset(rx, 0, sizeof(*rx));
	if (hs->action != NOISE_SPLIT)
		return finish(hs, NOISE_E_STATE);
	r = noise_symmetric_split(hs, first, second);
	if (r != NOISE_OK)
		return finish(hs, r);
	if (noise_protocol_one_way(&hs->protocol))
		noise_cipher_free(second);
	wipe_secrets(hs);
	hs->action = NOISE_COMPLETE;
	return NOISE_OK;
}

void noise_free(struct noise_handshake *hs)
{
	noise_cipher_free(&hs->cipher);
	secret_wipe(hs, sizeof(*hs));
}
