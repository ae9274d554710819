/*
 * noise_protocol: protocol names and what follows from them; see noise.h.
 *
 * A name is Noise_PATTERN_DH_CIPHER_HASH (section 8), PATTERN a pattern's name and psk modifiers
 * joined by '+'. Their order does not matter to the protocol, so section 8 has them sorted; any
 * other order, and a modifier given twice, would be a second name for the same thing: refused.
 */
#include <stdio.h>
#include <string.h>

#include "dh_libcrypto.h"
#include "hash_libcrypto.h"
#include "noise.h"
#include "noise_patterns.h"

#define FIELDS 5

struct field {
	const char *text;
	size_t len;
};

struct algorithm {
	const char *name;
	unsigned id;
};

static const struct algorithm dhs[] = {{"25519", DH_25519}, {"448", DH_448}, {NULL, 0}};
static const struct algorithm ciphers[] = {
    {"ChaChaPoly", AEAD_CHACHAPOLY},
    {"AESGCM", AEAD_AESGCM},
    {NULL, 0},
};
static const struct algorithm hashes[] = {
    {"SHA256", HASH_SHA256},
    {"SHA512", HASH_SHA512},
    {"BLAKE2s", HASH_BLAKE2S},
    {"BLAKE2b", HASH_BLAKE2B},
    {NULL, 0},
};

static bool is(const struct field *f, const char *text)
{
	return f->len == strlen(text) && memcmp(f->text, text, f->len) == 0;
}

void noise_protocol_prepare(const struct noise_protocol *p)
{
	if (!p || p->cipher == AEAD_AESGCM)
		aead_prepare(AEAD_AESGCM);
	if (!p || p->cipher == AEAD_CHACHAPOLY)
		aead_prepare(AEAD_CHACHAPOLY);
	if (!p || p->dh == DH_448)
		dh_libcrypto_prepare();
	if (!p || p->hash == HASH_BLAKE2S)
		hash_libcrypto_prepare();
}

/* 0 if there is no such name. */
static unsigned id_of(const struct algorithm *list, const struct field *f)
{
	for (; list->name; list++)
		if (is(f, list->name))
			return list->id;
	return 0;
}

/* "" if there is no such id: that makes no valid name. */
static const char *name_of(const struct algorithm *list, unsigned id)
{
	for (; list->name; list++)
		if (list->id == id)
			return list->name;
	return "";
}

static int split_fields(struct field fields[FIELDS], const char *name, size_t len)
{
	const char *end = name + len, *bar;

	for (size_t i = 0; i < FIELDS; i++) {
		bar = memchr(name, '_', (size_t)(end - name));
		if ((bar == NULL) != (i == FIELDS - 1))
			return -1;
		fields[i].text = name;
		fields[i].len = (size_t)((bar ? bar : end) - name);
		name = bar ? bar + 1 : end;
	}
	return 0;
}

/* "psk0+psk2" to a bit set: each index once, rising, at most the number of messages. */
static int parse_modifiers(unsigned *psks, const char *text, size_t len, unsigned messages)
{
	unsigned index;

	*psks = 0;
	for (;;) {
		if (len < 4 || memcmp(text, "psk", 3) != 0 || text[3] < '0' || text[3] > '9')
			return -1;
		index = (unsigned)(text[3] - '0');
		if (index > messages || *psks >> index)
			return -1;
		*psks |= 1U << index;
		text += 4, len -= 4;
		if (len == 0)
			return 0;
		if (*text != '+')
			return -1;
		text++, len--;
	}
}

static int parse_pattern(struct noise_protocol *p, const struct field *f)
{
	size_t base = 0;

	while (base < f->len && (f->text[base] < 'a' || f->text[base] > 'z'))
		base++;
	p->pattern = noise_pattern_find(f->text, base);
	if (!p->pattern)
		return -1;
	if (base == f->len)
		return 0;
	return parse_modifiers(
	    &p->psks, f->text + base, f->len - base, noise_pattern_messages(p->pattern));
}

int noise_protocol_parse(struct noise_protocol *p, const char *name, size_t len)
{
	struct field fields[FIELDS];

	memset(p, 0, sizeof(*p));
	if (len > NOISE_MAXNAME || split_fields(fields, name, len) != 0 || !is(&fields[0], "Noise"))
		return NOISE_E_NAME;
	p->dh = (enum dh_alg)id_of(dhs, &fields[2]);
	p->cipher = (enum aead_alg)id_of(ciphers, &fields[3]);
	p->hash = (enum hash_alg)id_of(hashes, &fields[4]);
	if (!p->dh || !p->cipher || !p->hash || parse_pattern(p, &fields[1]) != 0) {
		memset(p, 0, sizeof(*p));
		return NOISE_E_NAME;
	}
	memcpy(p->name, name, len);
	if (!dh_available(p->dh) || !aead_available(p->cipher) || !hash_available(p->hash))
		return NOISE_E_UNBUILT;
	return NOISE_OK;
}

int noise_protocol_from_pattern(struct noise_protocol *p, const char *pattern, enum dh_alg dh,
    enum aead_alg cipher, enum hash_alg hash)
{
	char name[NOISE_MAXNAME + 1];
	int n;

	n = snprintf(name, sizeof(name), "Noise_%s_%s_%s_%s", pattern, name_of(dhs, dh),
	    name_of(ciphers, cipher), name_of(hashes, hash));
	if (n < 0 || (size_t)n >= sizeof(name)) {
		memset(p, 0, sizeof(*p));
		return NOISE_E_NAME;
	}
	return noise_protocol_parse(p, name, (size_t)n);
}

void noise_protocol_pattern(const struct noise_protocol *p, char *out, size_t outlen)
{
	const char *start = p->name + strlen("Noise_");

	if (p->pattern)
		snprintf(out, outlen, "%.*s", (int)strcspn(start, "_"), start);
	else if (outlen)
		out[0] = '\0';
}

bool noise_protocol_one_way(const struct noise_protocol *p)
{
	return noise_pattern_messages(p->pattern) == 1;
}

unsigned noise_protocol_psk_count(const struct noise_protocol *p)
{
	unsigned count = 0;

	for (unsigned psks = p->psks; psks; psks >>= 1)
		count += psks & 1;
	return count;
}

unsigned noise_protocol_messages(const struct noise_protocol *p)
{
	return noise_pattern_messages(p->pattern);
}

/* The length that ${token} adds; ${keyed} tells whether a key is set, before and after. */
static size_t token_len(const struct noise_protocol *p, enum noise_token token, bool *keyed)
{
	switch (token) {
	case NOISE_TOKEN_E:
		if (p->psks)
			*keyed = true;
		return dh_len(p->dh);
	case NOISE_TOKEN_S:
		return dh_len(p->dh) + (*keyed ? AEAD_TAGBYTES : 0);
	case NOISE_TOKEN_NONE:
		break;
	default:
		*keyed = true;
		break;
	}
	return 0;
}

size_t noise_protocol_message_len(const struct noise_protocol *p, unsigned index)
{
	enum noise_token tokens[NOISE_TOKENS_MAX];
	size_t len = 0, count;
	bool keyed = false;

	if (index >= noise_protocol_messages(p))
		return 0;
	for (unsigned m = 0; m <= index; m++) {
		len = 0;
		count = noise_pattern_tokens(p->pattern, p->psks, m, tokens);
		for (size_t i = 0; i < count; i++)
			len += token_len(p, tokens[i], &keyed);
	}
	return len + (keyed ? AEAD_TAGBYTES : 0);
}

bool noise_protocol_needs_remote(const struct noise_protocol *p, bool initiator)
{
	return initiator ? p->pattern->responder_known : p->pattern->initiator_known;
}

bool noise_protocol_needs_static(const struct noise_protocol *p, bool initiator)
{
	return noise_protocol_needs_remote(p, !initiator) ||
	       noise_pattern_sends_static(p->pattern, initiator);
}

bool noise_protocol_peer_has_static(const struct noise_protocol *p, bool initiator)
{
	return noise_protocol_needs_static(p, !initiator);
}

/*
 * What only the holder of the peer's key can know is the DH of that key (or of its ephemeral one, if it
 * has no other) with our ephemeral key, which is new; ss would be the same in a repeated message. So a message
 * of the peer at or behind that token is the proof: each has a tag.
 */
bool noise_protocol_proves_peer(const struct noise_protocol *p, bool initiator)
{
	uint8_t token = !noise_protocol_peer_has_static(p, initiator) ? NOISE_TOKEN_EE
			: initiator					 ? NOISE_TOKEN_ES
									 : NOISE_TOKEN_SE;
	bool mixed = false;

	for (unsigned m = 0; m < noise_protocol_messages(p); m++) {
		mixed |= memchr(p->pattern->tokens[m], token, NOISE_PATTERN_TOKENS) != NULL;
		if (mixed && (m % 2 == 1) == initiator)
			return true;
	}
	return false;
}

bool noise_protocol_finds_psk(const struct noise_protocol *p, bool initiator)
{
	unsigned first = 0; /* psk0 opens message 0, and psk<i> ends message i - 1 */

	if (p->psks == 0)
		return false;
	while (!(p->psks & (1U << first)))
		first++;
	return ((first > 0 ? first - 1 : 0) % 2 == 1) == initiator;
}
