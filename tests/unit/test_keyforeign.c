/* keyforeign: published keys in the formats of other programs, there and back; damage of any kind is refused. */
#include "unit.h"

#include <string.h>

#include "crypto/keyforeign.h"

/* RFC 8410, section 10. */
#define PEM_SECRET \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n" \
	"-----END PRIVATE KEY-----\n"
#define PEM_PUBLIC \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n" \
	"-----END PUBLIC KEY-----\n"

static enum key_form parse(struct key *k, char comment[KEYFOREIGN_COMMENT_MAX], enum key_format f, bool public,
    const char *text, int expected)
{
	int rc = keyforeign_parse(k, comment, f, public, text, strlen(text));

	CHECK_INT(rc, expected);
	if (rc)
		CHECK_INT(k->form, KEY_NONE);
	return k->form;
}

static void test_pem(void)
{
	char comment[KEYFOREIGN_COMMENT_MAX], text[KEYFOREIGN_TEXT_MAX];
	struct key k, pub, given;

	CHECK_INT(parse(&k, comment, FORMAT_PEM, false, PEM_SECRET, 0), KEY_SECRET);
	CHECK_INT(parse(&given, comment, FORMAT_PEM, true, PEM_PUBLIC, 0), KEY_PUBLIC);
	CHECK_INT(key_public(&pub, &k), 0);
	CHECK_MEM(pub.bytes, given.bytes, KEY_BYTES);
	CHECK_INT(keyforeign_format(text, FORMAT_PEM, &k, "", &secret_rng), 0);
	CHECK_STR(text, PEM_SECRET);
	CHECK_INT(keyforeign_format(text, FORMAT_PEM, &pub, "", &secret_rng), 0);
	CHECK_STR(text, PEM_PUBLIC);
	parse(&k, comment, FORMAT_PEM, true, PEM_SECRET, KEYFOREIGN_E_KIND);
	parse(&k, comment, FORMAT_PEM, false, PEM_PUBLIC, KEYFOREIGN_E_KIND);
	parse(&k, comment, FORMAT_PEM, false, PEM_SECRET PEM_SECRET, KEYFOREIGN_E_FORM);
	parse(&k, comment, FORMAT_PEM, false, "", KEYFOREIGN_E_FORM);
	parse(&k, comment, FORMAT_PEM, false, "-----BEGIN PRIVATE KEY-----", KEYFOREIGN_E_FORM);
	parse(&k, comment, FORMAT_PEM, false, "-----BEGIN EC PRIVATE KEY-----\n-----END EC PRIVATE KEY-----", KEYFOREIGN_E_KIND);
	parse(&k, comment, FORMAT_PEM, false,
	    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", KEYFOREIGN_E_LOCKED);
}

/* Of each format and each form that it holds: there and back, and the comment where there is one. */
static void test_round(void)
{
	static const enum key_form forms[] = {KEY_PUBLIC, KEY_SECRET, KEY_XPUBLIC, KEY_XSECRET};
	const struct key seed = {KEY_SECRET, {1, 2, 3}};
	char comment[KEYFOREIGN_COMMENT_MAX], text[KEYFOREIGN_TEXT_MAX];
	struct key k, back;
	int count = 0;

	for (int f = FORMAT_RAW; f < FORMAT_COUNT; f++)
		for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
			bool public = forms[i] == KEY_PUBLIC || forms[i] == KEY_XPUBLIC;
			bool edwards = forms[i] == KEY_PUBLIC || forms[i] == KEY_SECRET;

			k.form = forms[i];
			CHECK_INT(keyformat_part(k.bytes, edwards ? PART_ED25519 : PART_X25519, public, &seed), 0);
			if (!keyforeign_holds((enum key_format)f, forms[i])) {
				CHECK_INT(keyforeign_format(text, (enum key_format)f, &k, "", &secret_rng), KEYFOREIGN_E_KIND);
				continue;
			}
			count++;
			CHECK_INT(keyforeign_format(text, (enum key_format)f, &k, "me", &secret_rng), 0);
			CHECK_INT(text[strlen(text) - 1], '\n');
			CHECK_INT(keyforeign_parse(&back, comment, (enum key_format)f, public, text, strlen(text)), 0);
			CHECK_MEM(&back, &k, sizeof(k));
			if (f == FORMAT_OPENSSH)
				CHECK_STR(comment, "me");
		}
	CHECK_INT(count, 10);
}

/* The longest comment fits. */
static void test_comment(void)
{
	const struct key k = {KEY_SECRET, {1, 2, 3}};
	char comment[KEYFOREIGN_COMMENT_MAX], back[KEYFOREIGN_COMMENT_MAX], text[KEYFOREIGN_TEXT_MAX];
	struct key again, pub;

	memset(comment, 'c', sizeof(comment) - 1);
	comment[sizeof(comment) - 1] = '\0';
	CHECK_INT(keyforeign_format(text, FORMAT_OPENSSH, &k, comment, &secret_rng), 0);
	CHECK_INT(keyforeign_parse(&again, back, FORMAT_OPENSSH, false, text, strlen(text)), 0);
	CHECK_STR(back, comment);
	CHECK_INT(key_public(&pub, &k), 0);
	CHECK_INT(keyforeign_format(text, FORMAT_SIGNIFY, &pub, comment, &secret_rng), 0);
	CHECK_INT(keyforeign_parse(&again, back, FORMAT_SIGNIFY, true, text, strlen(text)), 0);
	CHECK_INT(strlen(back), KEYFOREIGN_COMMENT_MAX - 1);
}

/* Cut anywhere, it is refused; with a byte changed, it is refused or another key (where there is no checksum). */
static void test_damage(void)
{
	const struct key seed = {KEY_SECRET, {1, 2, 3}};
	char comment[KEYFOREIGN_COMMENT_MAX], text[KEYFOREIGN_TEXT_MAX];
	struct key k, back;

	for (int f = FORMAT_PEM; f <= FORMAT_AGE; f++) {
		size_t len;

		k.form = f == FORMAT_AGE ? KEY_XSECRET : KEY_SECRET;
		CHECK_INT(keyformat_part(k.bytes, f == FORMAT_AGE ? PART_X25519 : PART_ED25519, false, &seed), 0);
		CHECK_INT(keyforeign_format(text, (enum key_format)f, &k, "me", &secret_rng), 0);
		len = strlen(text) - 1;
		for (size_t i = 0; i < len; i++) {
			char was = text[i];

			CHECK(keyforeign_parse(&back, comment, (enum key_format)f, false, text, i) != 0);
			text[i] = was == 'Q' ? 'P' : 'Q';
			if (keyforeign_parse(&back, comment, (enum key_format)f, false, text, len) == 0) {
				/* OpenSSH's check number and comment are no part of the key. */
				CHECK(f != FORMAT_AGE);
				CHECK(f == FORMAT_OPENSSH || memcmp(back.bytes, k.bytes, KEY_BYTES) != 0);
			}
			text[i] = was;
		}
	}
}

int main(void)
{
	if (secret_init())
		return 1;
	RUN(test_pem);
	RUN(test_round);
	RUN(test_comment);
	RUN(test_damage);
	UNIT_DONE();
}
