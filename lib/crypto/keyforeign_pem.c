/* keyforeign: PKCS#8 and SubjectPublicKeyInfo. With these two curves all but the key is constant (RFC 8410), so it
 * is compared, not parsed. */
#include <string.h>

#include "keyforeign_parts.h"

#define SECRET_HEAD 16
#define PUBLIC_HEAD 12
#define CURVE_AT 11	   /* the last byte of the object identifier in SECRET_HEAD */
#define PUBLIC_CURVE_AT 8  /* and in PUBLIC_HEAD */
#define ED25519 0x70	   /* 1.3.101.112 */
#define X25519 0x6e	   /* 1.3.101.110 */
#define PEM_BYTES_MAX 256

static const uint8_t secret_head[SECRET_HEAD] = {
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, ED25519, 0x04, 0x22, 0x04, 0x20};
static const uint8_t public_head[PUBLIC_HEAD] = {
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, ED25519, 0x03, 0x21, 0x00};

/* The key behind ${head}, whose curve may be either. */
static int pem_key(struct key *k, const uint8_t *der, size_t len, const uint8_t *head, size_t n, size_t curve_at)
{
	if (len != n + KEY_BYTES || (der[curve_at] != ED25519 && der[curve_at] != X25519))
		return KEYFOREIGN_E_KIND;
	for (size_t i = 0; i < n; i++)
		if (i != curve_at && der[i] != head[i])
			return KEYFOREIGN_E_KIND;
	memcpy(k->bytes, der + n, KEY_BYTES);
	return KEYFOREIGN_OK;
}

int keyforeign_pem_parse(struct key *k, bool public, const char *text, size_t len)
{
	uint8_t der[PEM_BYTES_MAX];
	bool edwards;
	long n;
	int rc;

	if (keyforeign_begins(text, len, "-----BEGIN ENCRYPTED PRIVATE KEY-----"))
		return KEYFOREIGN_E_LOCKED;
	if (keyforeign_begins(text, len, public ? "-----BEGIN PRIVATE KEY-----" : "-----BEGIN PUBLIC KEY-----"))
		return KEYFOREIGN_E_KIND;
	n = keyforeign_unarmor(der, sizeof(der), public ? "PUBLIC KEY" : "PRIVATE KEY", text, len);
	if (n < 0) /* an RSA key is longer than there is room for; older formats name the kind in the label */
		return keyforeign_begins(text, len, "-----BEGIN ") &&
			(len > PEM_BYTES_MAX || !keyforeign_begins(text, len, public ? "-----BEGIN PUBLIC KEY-----"
										     : "-----BEGIN PRIVATE KEY-----"))
		    ? KEYFOREIGN_E_KIND
		    : KEYFOREIGN_E_FORM;
	rc = public ? pem_key(k, der, (size_t)n, public_head, PUBLIC_HEAD, PUBLIC_CURVE_AT)
		    : pem_key(k, der, (size_t)n, secret_head, SECRET_HEAD, CURVE_AT);
	edwards = rc == KEYFOREIGN_OK && der[public ? PUBLIC_CURVE_AT : CURVE_AT] == ED25519;
	if (public)
		k->form = edwards ? KEY_PUBLIC : KEY_XPUBLIC;
	else
		k->form = edwards ? KEY_SECRET : KEY_XSECRET;
	secret_wipe(der, sizeof(der));
	return rc;
}

int keyforeign_pem_format(char out[KEYFOREIGN_TEXT_MAX], const struct key *k)
{
	bool public = k->form == KEY_PUBLIC || k->form == KEY_XPUBLIC;
	bool edwards = k->form == KEY_PUBLIC || k->form == KEY_SECRET;
	uint8_t der[SECRET_HEAD + KEY_BYTES];
	size_t n = public ? PUBLIC_HEAD : SECRET_HEAD;

	memcpy(der, public ? public_head : secret_head, n);
	der[public ? PUBLIC_CURVE_AT : CURVE_AT] = edwards ? ED25519 : X25519;
	memcpy(der + n, k->bytes, KEY_BYTES);
	keyforeign_armor(out, public ? "PUBLIC KEY" : "PRIVATE KEY", der, n + KEY_BYTES, 64);
	secret_wipe(der, sizeof(der));
	return KEYFOREIGN_OK;
}
