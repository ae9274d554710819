/* keyseal: what is locked opens with its passphrase and nothing else, and no byte of it can be changed. */
#include "unit.h"

#include <string.h>

#include "crypto/keyseal.h"

static void count_up(void *ctx, uint8_t *buf, size_t n)
{
	uint8_t *next = ctx;

	for (size_t i = 0; i < n; i++)
		buf[i] = (*next)++;
}

static void lock(struct keyseal *s, enum key_form form)
{
	const struct key k = {form, {1, 2, 3, 4, 5, 6, 7, 8}};
	uint8_t next = 0;
	const struct rng rng = {count_up, &next};

	memset(s, 0, sizeof(*s));
	s->passes = 1;
	s->kib = 8;
	CHECK_INT(keyseal_lock(s, &k, "correct horse", 13, &rng), KEYSEAL_OK);
}

static void test_forms(void)
{
	static const enum key_form forms[] = {KEY_SECRET, KEY_XSECRET, KEY_PSK};
	const uint8_t bytes[KEY_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};
	char text[KEYSEAL_TEXT_MAX];
	struct keyseal s, back;
	struct key k, pub;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		lock(&s, forms[i]);
		keyseal_format(text, &s);
		CHECK_INT(strlen(text), 181);
		CHECK(keyseal_is(text, strlen(text)));
		CHECK_INT(keyseal_parse(&back, text, strlen(text)), 0);
		CHECK_INT(keyseal_open(&k, &back, "correct horse", 13), KEYSEAL_OK);
		CHECK_INT(k.form, forms[i]);
		CHECK_MEM(k.bytes, bytes, KEY_BYTES);
		CHECK_INT(keyseal_public(&pub, &back), forms[i] == KEY_PSK ? -1 : 0);
		CHECK_INT(keyseal_open(&k, &back, "correct horsf", 13), KEYSEAL_E_PASSPHRASE);
		CHECK_INT(k.form, KEY_NONE);
		CHECK_INT(k.bytes[0], 0);
		CHECK_INT(keyseal_open(&k, &back, "correct horse ", 14), KEYSEAL_E_PASSPHRASE);
		CHECK_INT(keyseal_open(&k, &back, "", 0), KEYSEAL_E_PASSPHRASE);
	}
}

/* For known randomness: put together from vault-keys(5) in Python, with the primitives of PyNaCl. */
#define KNOWN \
	"ve1AgEAAAABAAAACAABAgMEBQYHCAkKCwwNDg9VaSuAjvlGVhRzChZOjYac798YnFClnuA8j8mUvxLnZhAREhMUFRYXGBkaGxwdHh8" \
	"gISIjJCUmJ4EFD66elO2ZFWx7YSfkSgoDG5btteRVqagnAIWY1cfLnIKzgmiKbUy_kk07xNEOujqI_w"

static void test_known(void)
{
	char text[KEYSEAL_TEXT_MAX];
	struct keyseal s;

	lock(&s, KEY_SECRET);
	keyseal_format(text, &s);
	CHECK_STR(text, KNOWN);
}

static void test_public_forms(void)
{
	const struct key k = {KEY_PUBLIC, {9}};
	struct keyseal s = {.passes = 1, .kib = 8};

	CHECK_INT(keyseal_lock(&s, &k, "x", 1, &secret_rng), KEYSEAL_E_FORM);
}

/* Every character changed: the checksum, or the alphabet, says so. */
static void test_damage(void)
{
	char text[KEYSEAL_TEXT_MAX];
	struct keyseal s;
	size_t len;

	lock(&s, KEY_SECRET);
	keyseal_format(text, &s);
	len = strlen(text);
	for (size_t i = 3; i < len; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		CHECK(keyseal_parse(&s, text, len) != 0);
		CHECK_INT(s.form, KEY_NONE);
		text[i] = was;
	}
	CHECK_INT(keyseal_parse(&s, text, len - 1), KEYTEXT_E_LENGTH);
	CHECK_INT(keyseal_parse(&s, text, 2), KEYTEXT_E_FORM);
	CHECK_INT(keyseal_parse(&s, text, 3), KEYTEXT_E_LENGTH);
	text[10] = '=';
	CHECK_INT(keyseal_parse(&s, text, len), KEYTEXT_E_ENCODING);
}

/* Changed by somebody who mends the checksum: the box does not open, or the text is refused. */
static void test_forged(void)
{
	char text[KEYSEAL_TEXT_MAX];
	struct keyseal s, back;
	struct key k;

	for (int i = 0; i < 8; i++) {
		lock(&s, KEY_SECRET);
		if (i == 0)
			s.form = KEY_XSECRET;
		if (i == 1)
			s.passes = 2;
		if (i == 2)
			s.kib = 16;
		if (i == 3)
			s.salt[15] ^= 1;
		if (i == 4)
			s.public[0] ^= 1;
		if (i == 5)
			s.nonce[23] ^= 1;
		if (i == 6)
			s.box[0] ^= 1;
		if (i == 7)
			s.box[KEYSEAL_BOX - 1] ^= 0x80;
		keyseal_format(text, &s);
		CHECK_INT(keyseal_parse(&back, text, strlen(text)), 0);
		CHECK_INT(keyseal_open(&k, &back, "correct horse", 13), KEYSEAL_E_PASSPHRASE);
		CHECK_INT(k.form, KEY_NONE);
	}
}

static void refused(enum key_form form, uint32_t passes, uint32_t kib)
{
	struct keyseal s = {.form = form, .passes = passes, .kib = kib}, back;
	char text[KEYSEAL_TEXT_MAX];

	keyseal_format(text, &s);
	CHECK_INT(keyseal_parse(&back, text, strlen(text)), KEYTEXT_E_FORM);
}

static void test_bounds(void)
{
	refused(KEY_PUBLIC, 1, 8);
	refused(KEY_NONE, 1, 8);
	refused((enum key_form)99, 1, 8);
	refused(KEY_SECRET, 0, 8);
	refused(KEY_SECRET, KEYSEAL_PASSES_MAX + 1, 8);
	refused(KEY_SECRET, 1, KEYSEAL_KIB_MIN - 1);
	refused(KEY_SECRET, 1, KEYSEAL_KIB_MAX + 1);
	refused(KEY_SECRET, UINT32_MAX, UINT32_MAX);
}

int main(void)
{
	if (secret_init())
		return 1;
	RUN(test_forms);
	RUN(test_known);
	RUN(test_public_forms);
	RUN(test_damage);
	RUN(test_forged);
	RUN(test_bounds);
	UNIT_DONE();
}
