/* jsonwalk and utf8: what is an object is walked, all else is refused. */
#include "proto/jsonwalk.h"
#include "proto/utf8.h"
#include "unit.h"

static char seen[256];

static bool note(void *ctx, const char *name, size_t len, const struct jsonwalk *v)
{
	(void)ctx;
	snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s:%d ", (int)len, name, (int)v->kind);
	return true;
}

static bool walk(const char *text)
{
	seen[0] = '\0';
	return jsonwalk_object(text, strlen(text), note, NULL);
}

static void test_good(void)
{
	CHECK(walk("{}"));
	CHECK(walk(" { \"a\" : 1 , \"b\":\"x\",\"c\":[1,[2],{}],\"d\":{\"e\":null},\"f\":true,\"g\":-1.5e3} \n"));
	CHECK_STR(seen, "a:2 b:1 c:5 d:4 f:6 g:3 ");
	CHECK(walk("{\"n\":9223372036854775807,\"m\":-9223372036854775808,\"o\":9223372036854775808}"));
	CHECK_STR(seen, "n:2 m:2 o:3 ");
}

static void test_bad(void)
{
	static const char *const bad[] = {"", " ", "[]", "1", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1}x",
	    "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":1e}", "{\"a\":+1}", "{\"a\":NaN}", "{\"a\":tru}", "{\"a\":\"\n\"}",
	    "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"}", "{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\":1 \"b\":2}", "{,}",
	    "{\"a\":\"\xff\"}", "{\"a\":[[[[[[[[1]]]]]]]]}"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (walk(bad[i]))
			fprintf(stderr, "taken: %s\n", bad[i]);
		CHECK(!walk(bad[i]));
	}
}

static void test_strings(void)
{
	static const struct {
		const char *text, *want;
	} table[] = {{"\"abc\"", "abc"}, {"\"\"", ""}, {"\"a\\/b\\n\\\"\\\\\"", "a/b\n\"\\"}, {"\"\\u00e9\"", "\xc3\xa9"},
	    {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"}, {"\"\\u20ac\"", "\xe2\x82\xac"}, {"\"\\ud83d\"", NULL},
	    {"\"\\ude00\"", NULL}, {"\"\\u0000\"", NULL}, {"\"123456789012345678901234567890123\"", NULL}};
	char out[32];

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct jsonwalk v = {.kind = JSONWALK_STRING, .text = table[i].text, .len = strlen(table[i].text)};
		int n = jsonwalk_string(&v, out, sizeof out);

		CHECK((n >= 0) == (table[i].want != NULL));
		if (n >= 0 && table[i].want)
			CHECK_STR(out, table[i].want);
	}
}

static void test_utf8(void)
{
	static const char *const good[] = {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "a\xe2z\x82"};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		CHECK(utf8_valid((const uint8_t *)good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!utf8_valid((const uint8_t *)bad[i], strlen(bad[i])));
}

int main(void)
{
	RUN(test_good);
	RUN(test_bad);
	RUN(test_strings);
	RUN(test_utf8);
	UNIT_DONE();
}
