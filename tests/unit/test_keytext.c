/* keytext and keyformat against vectors made by tests/peers/keytext_ref.py. */
#include "unit.h"

#include <jansson.h>
#include <sodium.h>

#include "crypto/keyformat.h"
#include "crypto/keytext.h"
#include "crypto/secret.h"

static json_t *vectors;

/* Run from the top of the tree, as tests/check.sh does; elsewhere, name the file. */
static int load(const char *path)
{
	json_error_t error;

	vectors = json_load_file(path, 0, &error);
	if (!vectors)
		fprintf(stderr, "%s: %s\n", path, error.text);
	return vectors ? 0 : -1;
}

static const char *field(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	CHECK(s != NULL);
	return s ? s : "";
}

static void bytes_of(uint8_t out[KEY_BYTES], const json_t *object, const char *name)
{
	const char *hex = field(object, name);
	size_t n = 0;

	memset(out, 0, KEY_BYTES);
	CHECK_INT(sodium_hex2bin(out, KEY_BYTES, hex, strlen(hex), NULL, &n, NULL), 0);
	CHECK_INT(n, KEY_BYTES);
}

/* Text and bytes are two names of one thing. */
static void same(const json_t *object, const char *form_name, enum key_form form, const char *bytes_name)
{
	const char *text = field(object, form_name);
	char made[KEYTEXT_MAX];
	uint8_t bytes[KEY_BYTES];
	struct key k;

	bytes_of(bytes, object, bytes_name);
	CHECK_INT(keytext_parse(&k, text, strlen(text)), KEYTEXT_OK);
	CHECK_INT(k.form, form);
	CHECK_MEM(k.bytes, bytes, KEY_BYTES);
	keytext_format(made, &k);
	CHECK_STR(made, text);
}

static void test_texts(void)
{
	json_t *list = json_object_get(vectors, "identities"), *v;
	size_t i;

	CHECK(json_array_size(list) > 10);
	json_array_foreach(list, i, v) {
		same(v, "vs1", KEY_SECRET, "seed");
		same(v, "vk1", KEY_PUBLIC, "ed25519_public");
		same(v, "vxs1", KEY_XSECRET, "x25519_secret");
		same(v, "vx1", KEY_XPUBLIC, "x25519_public");
	}
	list = json_object_get(vectors, "psks");
	CHECK(json_array_size(list) > 10);
	json_array_foreach(list, i, v)
		same(v, "vp1", KEY_PSK, "bytes");
}

static void conversions(const json_t *v, const char *form)
{
	const char *text = field(v, form);
	int secret = form[1] == 's' || form[2] == 's', xonly = form[1] == 'x';
	uint8_t expected[KEY_BYTES], got[KEY_BYTES];
	char print[FINGERPRINT_MAX], made[KEYTEXT_MAX];
	struct key k, pub;

	CHECK_INT(keytext_parse(&k, text, strlen(text)), KEYTEXT_OK);
	CHECK_INT(key_public(&pub, &k), KEYTEXT_OK);
	keytext_format(made, &pub);
	CHECK_STR(made, field(v, xonly ? "vx1" : "vk1"));
	bytes_of(expected, v, "x25519_public");
	CHECK_INT(key_x25519_public(got, &k), KEYTEXT_OK);
	CHECK_MEM(got, expected, KEY_BYTES);
	CHECK_INT(key_fingerprint(print, &k), KEYTEXT_OK);
	CHECK_STR(print, field(v, "fingerprint"));
	CHECK_INT(key_x25519_secret(got, &k), secret ? KEYTEXT_OK : KEYTEXT_E_FORM);
	if (secret)
		bytes_of(expected, v, "x25519_secret");
	else
		memset(expected, 0, sizeof(expected));
	CHECK_MEM(got, expected, KEY_BYTES);
}

static void test_conversions(void)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(vectors, "identities"), i, v) {
		conversions(v, "vs1");
		conversions(v, "vk1");
		conversions(v, "vxs1");
		conversions(v, "vx1");
	}
}

static int error_named(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} names[] = {
	    {"form", KEYTEXT_E_FORM},
	    {"encoding", KEYTEXT_E_ENCODING},
	    {"length", KEYTEXT_E_LENGTH},
	    {"checksum", KEYTEXT_E_CHECKSUM},
	    {"key", KEYTEXT_E_KEY},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i].name) == 0)
			return names[i].error;
	return 1;
}

static void test_bad(void)
{
	static const struct key wiped;
	json_t *list = json_object_get(vectors, "bad"), *v;
	size_t i;

	CHECK(json_array_size(list) > 70);
	json_array_foreach(list, i, v) {
		const char *text = field(v, "text");
		struct key k;
		int rc;

		memset(&k, 0x55, sizeof(k));
		rc = keytext_parse(&k, text, strlen(text));
		if (rc != error_named(field(v, "error")))
			fprintf(stderr, "%s: %s\n", field(v, "why"), text);
		CHECK_INT(rc, error_named(field(v, "error")));
		CHECK_MEM(&k, &wiped, sizeof(k));
	}
}

/* Every single wrong character of a text is noticed: none passes, none crashes. */
static void test_every_character(void)
{
	char text[KEYTEXT_MAX];
	struct key k = {KEY_PSK, {1, 2, 3}}, parsed;
	size_t len;

	keytext_format(text, &k);
	len = strlen(text);
	for (size_t at = 0; at < len; at++) {
		char right = text[at];

		for (int c = 0; c < 256; c++) {
			text[at] = (char)c;
			CHECK((keytext_parse(&parsed, text, len) == KEYTEXT_OK) == ((char)c == right));
		}
		text[at] = right;
		CHECK(keytext_parse(&parsed, text, at) != KEYTEXT_OK);
	}
}

static void test_psk_is_no_key_pair(void)
{
	const struct key psk = {KEY_PSK, {9}}, none = {KEY_NONE, {9}};
	char text[KEYTEXT_MAX], print[FINGERPRINT_MAX];
	uint8_t bytes[KEY_BYTES];
	struct key pub;

	CHECK_INT(key_public(&pub, &psk), KEYTEXT_E_FORM);
	CHECK_INT(key_x25519_public(bytes, &psk), KEYTEXT_E_FORM);
	CHECK_INT(key_x25519_secret(bytes, &psk), KEYTEXT_E_FORM);
	CHECK_INT(key_fingerprint(print, &psk), KEYTEXT_E_FORM);
	CHECK_STR(print, "");
	keytext_format(text, &none);
	CHECK_STR(text, "");
}

/* RFC 7748 section 6.1: Bob's secret is not clamped as it stands there. */
static void test_unclamped(void)
{
	static const char bob[] = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
	static const char public[] = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
	struct key k = {.form = KEY_XSECRET};
	char hex[KEYFORMAT_MAX];
	uint8_t bytes[KEY_BYTES];

	CHECK_INT(keyformat_decode(k.bytes, FORMAT_HEX, bob, strlen(bob)), 0);
	CHECK_INT(key_x25519_public(bytes, &k), KEYTEXT_OK);
	keyformat_encode(hex, FORMAT_HEX, bytes);
	CHECK_STR(hex, public);
	CHECK_INT(key_x25519_secret(bytes, &k), KEYTEXT_OK);
	CHECK_INT(bytes[0] & 7, 0);
	CHECK_INT(bytes[31] & 0xc0, 0x40);
}

static void test_formats(void)
{
	static const char digits[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	static const char base64[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	uint8_t key[KEY_BYTES], out[KEY_BYTES], raw[KEY_BYTES + 1];
	char text[KEYFORMAT_MAX + 4];

	for (uint8_t i = 0; i < KEY_BYTES; i++)
		raw[i] = key[i] = i;
	raw[KEY_BYTES] = '\n';
	keyformat_encode(text, FORMAT_HEX, key);
	CHECK_STR(text, digits);
	keyformat_encode(text, FORMAT_WIREGUARD, key);
	CHECK_STR(text, base64);
	for (size_t newline = 0; newline < 3; newline++) {
		static const char *const ends[] = {"", "\n", "\r\n"};

		snprintf(text, sizeof(text), "%s%s", digits, ends[newline]);
		CHECK_INT(keyformat_decode(out, FORMAT_HEX, text, strlen(text)), 0);
		CHECK_MEM(out, key, KEY_BYTES);
		snprintf(text, sizeof(text), "%s%s", base64, ends[newline]);
		CHECK_INT(keyformat_decode(out, FORMAT_BASE64, text, strlen(text)), 0);
		CHECK_MEM(out, key, KEY_BYTES);
	}
	CHECK_INT(keyformat_decode(out, FORMAT_RAW, raw, KEY_BYTES), 0);
	CHECK_MEM(out, key, KEY_BYTES);
	CHECK_INT(keyformat_decode(out, FORMAT_RAW, raw, KEY_BYTES + 1), -1);
	CHECK_INT(keyformat_decode(out, FORMAT_RAW, raw, KEY_BYTES - 1), -1);
	CHECK_INT(keyformat_decode(out, FORMAT_HEX, digits, 63), -1);
	CHECK_INT(keyformat_decode(out, FORMAT_HEX, digits, 62), -1);
	CHECK_INT(keyformat_decode(out, FORMAT_BASE64, base64, 43), -1);
	CHECK_INT(keyformat_decode(out, FORMAT_BASE64, "", 0), -1);
	CHECK_INT(keyformat_decode(out, FORMAT_BASE64, digits, 64), -1);
	CHECK_INT(keyformat_decode(out, FORMAT_NONE, digits, 64), -1);
	snprintf(text, sizeof(text), "%s0", digits);
	CHECK_INT(keyformat_decode(out, FORMAT_HEX, text, strlen(text)), -1);
	snprintf(text, sizeof(text), "%s\n\n", digits);
	CHECK_INT(keyformat_decode(out, FORMAT_HEX, text, strlen(text)), -1);
	CHECK(sodium_is_zero(out, KEY_BYTES));
}

static void part(const json_t *v, const char *form, enum key_part which, bool public, const char *bytes)
{
	const char *text = field(v, form);
	uint8_t expected[KEY_BYTES] = {0}, got[KEY_BYTES];
	struct key k;

	if (bytes)
		bytes_of(expected, v, bytes);
	CHECK_INT(keytext_parse(&k, text, strlen(text)), KEYTEXT_OK);
	CHECK_INT(keyformat_part(got, which, public, &k), bytes ? KEYTEXT_OK : KEYTEXT_E_FORM);
	CHECK_MEM(got, expected, KEY_BYTES);
}

static void test_parts(void)
{
	json_t *v = json_array_get(json_object_get(vectors, "identities"), 0);

	part(v, "vs1", PART_ED25519, false, "seed");
	part(v, "vs1", PART_ED25519, true, "ed25519_public");
	part(v, "vs1", PART_X25519, false, "x25519_secret");
	part(v, "vs1", PART_X25519, true, "x25519_public");
	part(v, "vxs1", PART_X25519, false, "x25519_secret");
	part(v, "vxs1", PART_X25519, true, "x25519_public");
	part(v, "vk1", PART_ED25519, true, "ed25519_public");
	part(v, "vk1", PART_X25519, true, "x25519_public");
	part(v, "vx1", PART_X25519, true, "x25519_public");
	part(v, "vxs1", PART_ED25519, false, NULL);
	part(v, "vxs1", PART_ED25519, true, NULL);
	part(v, "vk1", PART_ED25519, false, NULL);
	part(v, "vk1", PART_X25519, false, NULL);
	part(v, "vx1", PART_X25519, false, NULL);
	part(v, "vs1", PART_NONE, false, NULL);
}

static void test_strerror(void)
{
	for (int a = KEYTEXT_E_KEY; a <= KEYTEXT_OK; a++)
		for (int b = KEYTEXT_E_KEY; b < a; b++)
			CHECK(strcmp(keytext_strerror(a), keytext_strerror(b)) != 0);
	CHECK_STR(keytext_strerror(-99), "unknown error");
}

int main(int argc, char **argv)
{
	if (secret_init() || load(argc > 1 ? argv[1] : "tests/vectors/keytext.json"))
		return 1;
	RUN(test_texts);
	RUN(test_conversions);
	RUN(test_bad);
	RUN(test_every_character);
	RUN(test_psk_is_no_key_pair);
	RUN(test_unclamped);
	RUN(test_formats);
	RUN(test_parts);
	RUN(test_strerror);
	json_decref(vectors);
	UNIT_DONE();
}
