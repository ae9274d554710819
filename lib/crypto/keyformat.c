#include "keyformat.h"

#include <sodium.h>
#include <string.h>

#include "secret.h"

const char *const keyformat_names[FORMAT_COUNT] = {NULL, "raw", "hex", "base64", "wireguard", "pem", "openssh",
    "age", "minisign", "signify"};
const char *const keyformat_parts[PART_COUNT] = {NULL, "ed25519", "x25519"};

const char *keyformat_expected(enum key_format format)
{
	switch (format) {
	case FORMAT_RAW:
		return "32 bytes";
	case FORMAT_HEX:
		return "64 hexadecimal digits";
	default:
		return "44 characters of base64";
	}
}

int keyformat_decode(uint8_t out[KEY_BYTES], enum key_format format, const void *text, size_t len)
{
	const char *p = text;
	size_t n = 0;
	int rc = 0;

	if (format != FORMAT_RAW && len > 0 && p[len - 1] == '\n')
		len -= len > 1 && p[len - 2] == '\r' ? 2 : 1;
	if (format == FORMAT_RAW && len == KEY_BYTES)
		memcpy(out, p, n = KEY_BYTES);
	else if (format == FORMAT_HEX)
		rc = sodium_hex2bin(out, KEY_BYTES, p, len, NULL, &n, NULL);
	else if (format == FORMAT_BASE64 || format == FORMAT_WIREGUARD)
		rc = sodium_base642bin(out, KEY_BYTES, p, len, NULL, &n, NULL,
		    sodium_base64_VARIANT_ORIGINAL);
	if (rc == 0 && n == KEY_BYTES)
		return 0;
	secret_wipe(out, KEY_BYTES);
	return -1;
}

void keyformat_encode(char out[KEYFORMAT_MAX], enum key_format format, const uint8_t key[KEY_BYTES])
{
	out[0] = '\0';
	if (format == FORMAT_HEX)
		sodium_bin2hex(out, KEYFORMAT_MAX, key, KEY_BYTES);
	else if (format == FORMAT_BASE64 || format == FORMAT_WIREGUARD)
		sodium_bin2base64(out, KEYFORMAT_MAX, key, KEY_BYTES, sodium_base64_VARIANT_ORIGINAL);
}

int keyformat_part(uint8_t out[KEY_BYTES], enum key_part part, bool public, const struct key *k)
{
	bool xonly = k->form == KEY_XPUBLIC || k->form == KEY_XSECRET;
	struct key pub;

	memset(out, 0, KEY_BYTES);
	if (part == PART_X25519)
		return public ? key_x25519_public(out, k) : key_x25519_secret(out, k);
	if (part != PART_ED25519 || xonly || key_public(&pub, k) || (!public && k->form != KEY_SECRET))
		return KEYTEXT_E_FORM;
	memcpy(out, public ? pub.bytes : k->bytes, KEY_BYTES);
	return KEYTEXT_OK;
}
