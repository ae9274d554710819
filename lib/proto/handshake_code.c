/* The exchange that turns a one-time code into a psk. */
#include "handshake_code.h"

#include <string.h>

#include "bigendian.h"
#include "crypto/hash.h"

static const char ci[] = "vault/1 one-time code", label[] = "vault/1 psk of a one-time code";

static struct pake_terms terms(const struct handshake *h)
{
	const struct handshake_code *code = h->config.code;

	return (struct pake_terms){code->bytes, code->len, (const uint8_t *)ci, sizeof ci - 1, h->sid, sizeof h->sid};
}

static int start(struct handshake *h)
{
	const struct pake_terms t = terms(h);

	return pake_start(&h->pake, h->config.initiator, PAKE_BY_ROLE, &t, h->config.rng);
}

/* Both shares are known: the psk, and the prologue's end. */
static int finish(struct handshake *h, const uint8_t share[PAKE_SHARE])
{
	const struct pake_terms t = terms(h);
	const struct pake_message peer = {.share = share};
	uint8_t isk[PAKE_KEY], key[HASH_MAX];
	int rc = pake_finish(&h->pake, &t, NULL, 0, &peer, isk, h->prologue + h->prologue_len);

	if (rc == 0)
		rc = hash_hmac(HASH_SHA512, key, isk, sizeof isk, (const uint8_t *)label, sizeof label - 1, NULL, 0);
	if (rc == 0) {
		memcpy(h->psk, key, sizeof h->psk);
		h->prologue_len += PAKE_KEY;
		secret_wipe(key, sizeof key);
	}
	secret_wipe(isk, sizeof isk);
	pake_free(&h->pake);
	return rc;
}

int handshake_code_ask(struct handshake *h, const uint8_t *hello, size_t n)
{
	uint8_t *tail = h->prologue + n;

	h->config.rng->fill(h->config.rng->ctx, h->sid, sizeof h->sid);
	if (start(h) < 0)
		return -1;
	memcpy(h->prologue, hello, n);
	be_put16(tail, 0);
	tail[2] = CODE_KIND;
	memcpy(tail + 3, h->sid, sizeof h->sid);
	memcpy(tail + 3 + sizeof h->sid, h->pake.share, PAKE_SHARE);
	h->prologue_len = n + CODE_TAIL;
	memcpy(h->out + h->out_len, tail, CODE_TAIL);
	h->out_len += CODE_TAIL;
	h->exchanging = true;
	return 0;
}

int handshake_code_answer(struct handshake *h, const uint8_t *unit, size_t n)
{
	const uint8_t *tail = unit + n - CODE_TAIL;
	uint8_t share[PAKE_SHARE];

	memcpy(h->prologue, unit, n);
	h->prologue_len = n;
	memcpy(h->sid, tail + 3, sizeof h->sid);
	if (start(h) < 0)
		return -1;
	memcpy(share, h->pake.share, sizeof share);
	if (finish(h, tail + 3 + sizeof h->sid) < 0)
		return -1;
	be_put16(h->out + h->out_len, PAKE_SHARE);
	memcpy(h->out + h->out_len + 2, share, PAKE_SHARE);
	h->out_len += 2 + PAKE_SHARE;
	h->exchanging = true;
	return 0;
}

int handshake_code_take(struct handshake *h, const uint8_t share[PAKE_SHARE])
{
	h->exchanging = false;
	return finish(h, share);
}

bool handshake_code_guess(struct handshake *h)
{
	h->exchanging = false;
	if (h->config.code->guesses == 0)
		return false;
	h->config.code->guesses--;
	return true;
}

void handshake_code_right(struct handshake *h)
{
	h->config.code->guesses++;
}

void handshake_code_wrong(struct handshake *h)
{
	unsigned left = h->config.code->guesses;

	if (left > 0)
		error_set(&h->error, ERROR_AUTH, BLAME_AUTH, "a wrong code was tried; after %u more the code is dead", left);
	else
		error_set(&h->error, ERROR_AUTH, BLAME_AUTH,
		    "a wrong code was tried, and it was the last guess: the code is dead; for a new one start again");
}
