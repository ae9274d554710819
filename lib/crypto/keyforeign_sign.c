/* keyforeign: public keys of signify and minisign, which are the same but for what their comments say. */
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "keyforeign_parts.h"

#define COMMENT "untrusted comment: "
#define ALGORITHM "Ed"
#define ID_BYTES 8
#define BODY_BYTES (2 + ID_BYTES + KEY_BYTES)
#define ID_DIGITS (2 * ID_BYTES)
#define ID_DIGITS_LEAST 12 /* shorter words are rather words */

/* minisign shows the id as a number, lowest byte first. */
static void id_text(char out[ID_DIGITS + 1], const uint8_t id[ID_BYTES])
{
	for (int i = 0; i < ID_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02X", id[ID_BYTES - 1 - i]);
}

/* The last word of ${comment} as an id, if it can be one. minisign leaves zeros in front away. */
static bool id_named(uint8_t id[ID_BYTES], const char *comment)
{
	const char *word = strrchr(comment, ' ');
	char padded[ID_DIGITS + 1] = "0000000000000000";
	uint8_t number[ID_BYTES];
	size_t n, len;

	word = word ? word + 1 : comment;
	len = strlen(word);
	if (len < ID_DIGITS_LEAST || len > ID_DIGITS)
		return false;
	memcpy(padded + ID_DIGITS - len, word, len);
	if (sodium_hex2bin(number, ID_BYTES, padded, ID_DIGITS, NULL, &n, NULL) || n != ID_BYTES)
		return false;
	for (int i = 0; i < ID_BYTES; i++)
		id[i] = number[ID_BYTES - 1 - i];
	return true;
}

/* The id in ${comment}; else one made of the key. */
static void id_find(uint8_t id[ID_BYTES], const char *comment, const struct key *k)
{
	uint8_t hash[32];

	if (id_named(id, comment))
		return;
	crypto_generichash(hash, sizeof(hash), k->bytes, KEY_BYTES, NULL, 0);
	memcpy(id, hash, ID_BYTES);
}

int keyforeign_sign_parse(struct key *k, char *comment, const char *text, size_t len)
{
	uint8_t body[BODY_BYTES], named[ID_BYTES];
	const char *newline = memchr(text, '\n', len);
	char id[ID_DIGITS + 1];
	size_t n, skip = strlen(COMMENT), notelen = 0;

	/* minisign also takes the line without its comment. */
	if (newline && keyforeign_begins(text, len, COMMENT)) {
		notelen = (size_t)(newline - text) - skip;
		if (notelen > 0 && text[skip + notelen - 1] == '\r')
			notelen--;
		if (notelen > KEYFOREIGN_COMMENT_MAX - 1 - ID_DIGITS - 1)
			notelen = KEYFOREIGN_COMMENT_MAX - 1 - ID_DIGITS - 1;
		keyforeign_comment(comment, text + skip, notelen);
		len -= (size_t)(newline + 1 - text);
		text = newline + 1;
	}
	if (sodium_base642bin(body, sizeof(body), text, len, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL))
		return len > 100 ? KEYFOREIGN_E_KIND : KEYFOREIGN_E_FORM; /* secret keys are longer */
	if (n != BODY_BYTES || memcmp(body, ALGORITHM, 2) != 0)
		return KEYFOREIGN_E_FORM;
	k->form = KEY_PUBLIC;
	memcpy(k->bytes, body + 2 + ID_BYTES, KEY_BYTES);
	id_text(id, body + 2);
	n = strlen(comment);
	if (!id_named(named, comment) || memcmp(named, body + 2, ID_BYTES) != 0)
		snprintf(comment + n, KEYFOREIGN_COMMENT_MAX - n, "%s%s", n ? " " : "", id);
	return KEYFOREIGN_OK;
}

int keyforeign_sign_format(char out[KEYFOREIGN_TEXT_MAX], enum key_format format, const struct key *k,
    const char *comment)
{
	uint8_t body[BODY_BYTES];
	char text[64], id[ID_DIGITS + 1];

	memcpy(body, ALGORITHM, 2);
	id_find(body + 2, comment, k);
	memcpy(body + 2 + ID_BYTES, k->bytes, KEY_BYTES);
	sodium_bin2base64(text, sizeof(text), body, sizeof(body), sodium_base64_VARIANT_ORIGINAL);
	id_text(id, body + 2);
	if (format == FORMAT_MINISIGN)
		snprintf(out, KEYFOREIGN_TEXT_MAX, COMMENT "minisign public key %s\n%s\n", id + strspn(id, "0"), text);
	else
		snprintf(out, KEYFOREIGN_TEXT_MAX, COMMENT "%s\n%s\n", comment[0] ? comment : "vault-tools public key", text);
	return KEYFOREIGN_OK;
}
