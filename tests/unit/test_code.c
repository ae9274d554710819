/* code: what a person types becomes the code that was shown, or no code at all. */
#include "crypto/secret.h"
#include "run/code.h"
#include "unit.h"

static int parse(struct handshake_code *c, const char *text)
{
	memset(c, 0, sizeof *c);
	return code_parse(c, text, strlen(text));
}

static void test_as_it_is_typed(void)
{
	static const char *const ways[] = {"7K3M-9QX0", "7k3m-9qx0", "7K3M9QX0", " 7K3M 9QX0\r", "7-K-3-M-9-Q-X-0", "7k3m 9qxo",
	    "7K3M-9QXO", "\t7k3M 9Qx0 "};
	struct handshake_code c;

	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		CHECK_INT(parse(&c, ways[i]), 0);
		CHECK_INT(c.len, CODE_CHARS);
		CHECK_MEM(c.bytes, "7K3M9QX0", CODE_CHARS);
	}
	CHECK_INT(parse(&c, "iIlL-1111"), 0);
	CHECK_MEM(c.bytes, "11111111", CODE_CHARS);
}

static void test_no_code(void)
{
	static const char *const none[] = {"", "-", "7K3M-9QX", "7K3M-9QX00", "7K3M-9QXU", "7K3M_9QX0", "7K3M-9QX\xc3\x96", "7K3M-9QX\x01"};
	struct handshake_code c;

	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		CHECK_INT(parse(&c, none[i]), -1);
	CHECK_INT(code_parse(&c, "7K3M\0009QXF0", 10), -1);
}

/* What is shown can be typed; all characters come up, in all places; no two are alike. */
static void test_new_codes(void)
{
	static unsigned seen[CODE_CHARS][256];
	struct handshake_code typed, last = {.len = 0};

	for (int i = 0; i < 2000; i++) {
		struct handshake_code *c = code_new();
		char text[CODE_TEXTMAX];

		CHECK(c != NULL);
		CHECK_INT(c->guesses, 3);
		CHECK_INT(strlen(code_text(text, c)), 9);
		CHECK(text[4] == '-');
		CHECK_INT(parse(&typed, text), 0);
		CHECK_MEM(typed.bytes, c->bytes, CODE_CHARS);
		CHECK(memcmp(last.bytes, c->bytes, CODE_CHARS) != 0);
		for (int at = 0; at < CODE_CHARS; at++)
			seen[at][c->bytes[at]]++;
		last = *c;
		code_spend(c);
		CHECK(c->len == 0 && c->guesses == 0 && c->bytes[0] == 0);
		secret_free(c);
	}
	for (int at = 0; at < CODE_CHARS; at++)
		for (const char *p = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; *p; p++)
			CHECK(seen[at][(unsigned char)*p] > 10); /* of 62 that are to be expected */
}

int main(void)
{
	CHECK_INT(secret_init(), 0);
	RUN(test_as_it_is_typed);
	RUN(test_no_code);
	RUN(test_new_codes);
	UNIT_DONE();
}
