/* keyforeign: age's recipients and identities, Bech32 (BIP 173) of an X25519 key. */
#include <string.h>

#include "keyforeign_parts.h"

#define PUBLIC_NAME "age"
#define SECRET_NAME "AGE-SECRET-KEY-"
#define DIGITS 52 /* of 5 bits, for 32 bytes */
#define SUM 6

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t polymod(uint32_t sum, unsigned digit)
{
	static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
	uint32_t top = sum >> 25;

	sum = (sum & 0x1ffffff) << 5 ^ digit;
	for (int i = 0; i < 5; i++)
		if (top >> i & 1)
			sum ^= generator[i];
	return sum;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The sum over the name (in lower case) and the digits. */
static uint32_t checksum(const char *name, const uint8_t *digits, size_t n)
{
	uint32_t sum = 1;

	for (const char *p = name; *p; p++)
		sum = polymod(sum, (unsigned)lower(*p) >> 5);
	sum = polymod(sum, 0);
	for (const char *p = name; *p; p++)
		sum = polymod(sum, (unsigned)lower(*p) & 31);
	for (size_t i = 0; i < n; i++)
		sum = polymod(sum, digits[i]);
	return sum;
}

static int decode(uint8_t out[KEY_BYTES], const char *name, const char *text, size_t len)
{
	uint8_t digits[DIGITS + SUM];
	size_t skip = strlen(name) + 1;
	bool upper = name[0] == 'A';
	uint32_t bits = 0;
	int have = 0, rc = KEYFOREIGN_E_FORM;

	if (len != skip + DIGITS + SUM || !keyforeign_begins(text, len, name) || text[skip - 1] != '1')
		return rc;
	for (size_t i = 0; i < DIGITS + SUM; i++) {
		char c = text[skip + i];
		const char *at = c && (upper ? c < 'a' : lower(c) == c) ? memchr(alphabet, lower(c), 32) : NULL;

		if (!at)
			goto out;
		digits[i] = (uint8_t)(at - alphabet);
	}
	if (checksum(name, digits, DIGITS + SUM) != 1 || (digits[DIGITS - 1] & 15) != 0)
		goto out;
	for (size_t i = 0, n = 0; i < DIGITS && n < KEY_BYTES; i++) {
		bits = bits << 5 | digits[i];
		have += 5;
		if (have >= 8)
			out[n++] = (uint8_t)(bits >> (have -= 8));
	}
	rc = KEYFOREIGN_OK;
out:
	secret_wipe(digits, sizeof(digits));
	return rc;
}

int keyforeign_age_parse(struct key *k, bool public, const char *text, size_t len)
{
	struct key plain = {.form = KEY_XSECRET};
	int rc;

	/* age-keygen writes two lines of comment before an identity. */
	while (len > 0 && (text[0] == '#' || text[0] == '\n' || text[0] == '\r')) {
		const char *newline = memchr(text, '\n', len);

		if (!newline)
			return KEYFOREIGN_E_FORM;
		len -= (size_t)(newline + 1 - text);
		text = newline + 1;
	}
	if (keyforeign_begins(text, len, "age-encryption.org") || keyforeign_begins(text, len, "-----BEGIN AGE"))
		return KEYFOREIGN_E_LOCKED;
	if (keyforeign_begins(text, len, public ? SECRET_NAME : PUBLIC_NAME "1") || keyforeign_begins(text, len, "ssh-"))
		return KEYFOREIGN_E_KIND;
	k->form = public ? KEY_XPUBLIC : KEY_XSECRET;
	if (public)
		return decode(k->bytes, PUBLIC_NAME, text, len);
	rc = decode(plain.bytes, SECRET_NAME, text, len);
	if (rc == KEYFOREIGN_OK && key_x25519_secret(k->bytes, &plain)) /* clamped, as all of ours are */
		rc = KEYFOREIGN_E_KEY;
	secret_wipe(&plain, sizeof(plain));
	return rc;
}

int keyforeign_age_format(char out[KEYFOREIGN_TEXT_MAX], const struct key *k)
{
	bool public = k->form == KEY_XPUBLIC;
	const char *name = public ? PUBLIC_NAME : SECRET_NAME;
	uint8_t digits[DIGITS + SUM];
	size_t n = strlen(name);
	uint32_t sum;

	memset(digits, 0, sizeof(digits));
	for (size_t bit = 0; bit < (size_t)KEY_BYTES * 8; bit++)
		if (k->bytes[bit / 8] >> (7 - bit % 8) & 1)
			digits[bit / 5] |= (uint8_t)(16 >> bit % 5);
	sum = checksum(name, digits, DIGITS + SUM) ^ 1;
	for (int i = 0; i < SUM; i++)
		digits[DIGITS + i] = sum >> 5 * (SUM - 1 - i) & 31;
	memcpy(out, name, n);
	out[n++] = '1';
	for (int i = 0; i < DIGITS + SUM; i++) {
		char c = alphabet[digits[i]];

		out[n++] = !public && c >= 'a' ? (char)(c - 'a' + 'A') : c;
	}
	out[n++] = '\n';
	out[n] = '\0';
	secret_wipe(digits, sizeof(digits));
	return KEYFOREIGN_OK;
}
