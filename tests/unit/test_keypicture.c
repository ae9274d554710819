/* keypicture: a known one, and that all forms of a key have the same. */
#include "unit.h"

#include <string.h>

#include "crypto/keypicture.h"
#include "crypto/secret.h"

static void test_words(void)
{
	char words[KEYPICTURE_WORDS_MAX];

	keypicture_words(words, "mry3-zpqb-nfpc-3nmw-lxuc-6yh4");
	CHECK_STR(words, "mike romeo yankee three\nzulu papa quebec bravo\nnovember foxtrot papa charlie\n"
			 "three november mike whiskey\nlima xray uniform charlie\nsix yankee hotel four");
	/* The longest word everywhere still fits. */
	keypicture_words(words, "nnnn-nnnn-nnnn-nnnn-nnnn-nnnn");
	CHECK_INT(strlen(words), 24 * 8 + 23);
}

static void test_picture(void)
{
	const struct key k = {KEY_SECRET, {7}}, psk = {KEY_PSK, {7}};
	char one[KEYPICTURE_MAX], other[KEYPICTURE_MAX];
	struct key pub;

	CHECK_INT(keypicture_draw(one, &k), 0);
	CHECK_INT(strlen(one), 11 * 20);
	CHECK(strchr(one, 'E') != NULL);
	CHECK_INT(key_public(&pub, &k), 0);
	CHECK_INT(keypicture_draw(other, &pub), 0);
	CHECK_STR(one, other);
	pub.form = KEY_XPUBLIC;
	CHECK_INT(key_x25519_public(pub.bytes, &k), 0);
	CHECK_INT(keypicture_draw(other, &pub), 0);
	CHECK_STR(one, other);
	CHECK_INT(keypicture_draw(other, &psk), KEYTEXT_E_FORM);
	CHECK_STR(other, "");
}

/* Another key, another picture. */
static void test_differ(void)
{
	char all[16][KEYPICTURE_MAX];
	struct key k = {KEY_SECRET, {0}};

	for (uint8_t i = 0; i < 16; i++) {
		k.bytes[0] = i;
		CHECK_INT(keypicture_draw(all[i], &k), 0);
		for (uint8_t j = 0; j < i; j++)
			CHECK(strcmp(all[i], all[j]) != 0);
	}
}

int main(void)
{
	if (secret_init())
		return 1;
	RUN(test_words);
	RUN(test_picture);
	RUN(test_differ);
	UNIT_DONE();
}
