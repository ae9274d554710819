#include "keyforeign.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "keyforeign_parts.h"

bool keyforeign_is(enum key_format format)
{
	return format >= FORMAT_PEM && format < FORMAT_COUNT;
}

bool keyforeign_holds(enum key_format format, enum key_form form)
{
	switch (format) {
	case FORMAT_PEM:
		return form == KEY_PUBLIC || form == KEY_SECRET || form == KEY_XPUBLIC || form == KEY_XSECRET;
	case FORMAT_OPENSSH:
		return form == KEY_PUBLIC || form == KEY_SECRET;
	case FORMAT_AGE:
		return form == KEY_XPUBLIC || form == KEY_XSECRET;
	case FORMAT_MINISIGN:
	case FORMAT_SIGNIFY:
		return form == KEY_PUBLIC;
	default:
		return false;
	}
}

const char *keyforeign_strerror(int error)
{
	switch (error) {
	case KEYFOREIGN_OK:
		return "no error";
	case KEYFOREIGN_E_FORM:
		return "not a key of that format, or damaged, or with more around it";
	case KEYFOREIGN_E_LOCKED:
		return "it is encrypted; take its passphrase away with the program that made it, and give it a new one with -N";
	case KEYFOREIGN_E_KIND:
		return "another kind of key than is taken here";
	case KEYFOREIGN_E_KEY:
		return "its parts contradict each other, or it is no usable key";
	}
	return "unknown error";
}

/* ---- what the formats share ---- */

bool keyforeign_begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

void keyforeign_comment(char *comment, const void *text, size_t len)
{
	if (len >= KEYFOREIGN_COMMENT_MAX)
		len = KEYFOREIGN_COMMENT_MAX - 1;
	memcpy(comment, text, len);
	comment[len] = '\0';
}

long keyforeign_unarmor(uint8_t *out, size_t size, const char *label, const char *text, size_t len)
{
	char line[80];
	size_t n;

	snprintf(line, sizeof(line), "-----BEGIN %s-----", label);
	if (!keyforeign_begins(text, len, line))
		return -1;
	text += strlen(line);
	len -= strlen(line);
	snprintf(line, sizeof(line), "-----END %s-----", label);
	n = strlen(line);
	if (len < n || memcmp(text + len - n, line, n) != 0)
		return -1;
	len -= n;
	if (sodium_base642bin(out, size, text, len, "\r\n", &n, NULL, sodium_base64_VARIANT_ORIGINAL))
		return -1;
	return (long)n;
}

void keyforeign_armor(char out[KEYFOREIGN_TEXT_MAX], const char *label, const uint8_t *bytes, size_t len, size_t width)
{
	char body[KEYFOREIGN_TEXT_MAX];
	int n = snprintf(out, KEYFOREIGN_TEXT_MAX, "-----BEGIN %s-----\n", label);

	sodium_bin2base64(body, sizeof(body), bytes, len, sodium_base64_VARIANT_ORIGINAL);
	for (const char *p = body; *p; p += strnlen(p, width))
		n += snprintf(out + n, KEYFOREIGN_TEXT_MAX - (size_t)n, "%.*s\n", (int)width, p);
	snprintf(out + n, KEYFOREIGN_TEXT_MAX - (size_t)n, "-----END %s-----\n", label);
	secret_wipe(body, sizeof(body));
}

/* ---- the formats ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int parse(struct key *k, char *comment, enum key_format format, bool public, const char *text, size_t len)
{
	switch (format) {
	case FORMAT_PEM:
		return keyforeign_pem_parse(k, public, text, len);
	case FORMAT_OPENSSH:
		return keyforeign_ssh_parse(k, comment, public, text, len);
	case FORMAT_AGE:
		return keyforeign_age_parse(k, public, text, len);
	case FORMAT_MINISIGN:
	case FORMAT_SIGNIFY:
		return public ? keyforeign_sign_parse(k, comment, text, len) : KEYFOREIGN_E_KIND;
	default:
		return KEYFOREIGN_E_FORM;
	}
}

int keyforeign_parse(struct key *k, char comment[KEYFOREIGN_COMMENT_MAX], enum key_format format, bool public,
    const char *text, size_t len)
{
	uint8_t point[KEY_BYTES];
	int rc;

	memset(k, 0, sizeof(*k));
	comment[0] = '\0';
	while (len > 0 && blank(text[0]))
		text++, len--;
	while (len > 0 && blank(text[len - 1]))
		len--;
	rc = parse(k, comment, format, public, text, len);
	if (rc == KEYFOREIGN_OK && (key_x25519_public(point, k) || sodium_is_zero(k->bytes, KEY_BYTES)))
		rc = KEYFOREIGN_E_KEY;
	if (rc) {
		secret_wipe(k, sizeof(*k));
		comment[0] = '\0';
	}
	return rc;
}

int keyforeign_format(char out[KEYFOREIGN_TEXT_MAX], enum key_format format, const struct key *k,
    const char *comment, const struct rng *rng)
{
	out[0] = '\0';
	if (!keyforeign_holds(format, k->form))
		return KEYFOREIGN_E_KIND;
	switch (format) {
	case FORMAT_PEM:
		return keyforeign_pem_format(out, k);
	case FORMAT_OPENSSH:
		return keyforeign_ssh_format(out, k, comment, rng);
	case FORMAT_AGE:
		return keyforeign_age_format(out, k);
	default:
		return keyforeign_sign_format(out, format, k, comment);
	}
}
